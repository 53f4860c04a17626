import { RfaasError } from '@rfaas/core';
import {
  findNativeLibrary,
  loadNativeLibrary,
  type NativeFunction,
  type NativeLibrary,
} from '@rfaas/rdmalib';
import { expectedLayout } from './invoke-context.ts';

/** `RFAAS_CONTEXT_INVOKE` in native-shims/include/rfaas_loops.h. */
const CONTEXT_INVOKE = 1;

/** A context of the native invoke loop: memory that both sides see, and the small number that native code knows it by. */
export interface InvokeContext {
  readonly index: number;
  readonly words: Uint32Array;
  /** The index may be given out again; the memory goes once the view was collected. Idempotent. */
  close(): void;
}

/** The native loop of the client, and what makes its contexts. */
export interface NativeLoops {
  /** Posts one request and spins until its reply: `enum rfaas_invoke_result` or a negative errno. */
  readonly invoke: NativeFunction;
  /** Posts one request and returns: 0 or a negative errno. */
  readonly submit: NativeFunction;
  openContext(): InvokeContext;
}

/**
 * Loads the loops and compares their layout with TypeScript's. Throws RdmaError where the library is missing, and
 * RFAAS_ERR_VERSION where it was built from other sources.
 */
export function loadNativeLoops(): NativeLoops {
  const library = loadNativeLibrary(findNativeLibrary('librfaas_loops.so'));
  checkLayout(library);
  const open = library.function('rfaas_context_open', 'int', ['uint32_t', 'void *', 'void *']);
  const close = library.function('rfaas_context_close', 'int', ['uint32_t']);
  const unmap = library.function('rfaas_context_unmap', 'int', ['uintptr_t', 'uint32_t']);
  const collected = new FinalizationRegistry<{ address: number; bytes: number }>(({ address, bytes }) => {
    unmap(address, bytes);
  });
  return {
    invoke: library.function('rfaas_invoke', 'int', ['uint32_t']),
    submit: library.function('rfaas_submit', 'int', ['uint32_t']),
    openContext: () => openContext(library, open, close, collected),
  };
}

function checkLayout(library: NativeLibrary): void {
  const expected = expectedLayout();
  const offsets = new Uint32Array(expected.length + 8);
  const layout = library.function('rfaas_layout', 'int', ['uint32_t', 'void *', 'uint32_t']);
  const count = layout(CONTEXT_INVOKE, offsets, offsets.length);
  const found = [...offsets.subarray(0, Math.max(0, count))];
  if (found.join() !== expected.join()) {
    throw new RfaasError(
      'RFAAS_ERR_VERSION',
      `the native loops at ${library.path} were built from other sources than this client; run "npm run build:native"`,
    );
  }
}

function openContext(
  library: NativeLibrary,
  open: NativeFunction,
  close: NativeFunction,
  collected: FinalizationRegistry<{ address: number; bytes: number }>,
): InvokeContext {
  const address = new BigUint64Array(1);
  const bytes = new Uint32Array(1);
  const index = open(CONTEXT_INVOKE, address, bytes);
  if (index < 0) {
    throw new RfaasError(
      'RFAAS_ERR_INTERNAL',
      `a context of the invoke loop cannot be opened (errno ${-index})`,
    );
  }
  const memory = { address: Number(address[0]), bytes: bytes[0]! };
  const view = library.view(memory.address, memory.bytes);
  let isOpen = true;
  return {
    index,
    words: new Uint32Array(view),
    close(): void {
      if (!isOpen) return;
      isOpen = false;
      close(index);
      collected.register(view, memory);
    },
  };
}
