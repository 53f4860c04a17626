import { RfaasError } from '@rfaas/core/wire';
import { findNativeLibrary, loadNativeLibrary } from '@rfaas/rdmalib';
import type { NativeFunction, NativeLibrary } from '@rfaas/rdmalib';
import { expectedServeLayout, serveWord } from './serve-context-layout.ts';
import type { ServeContextField } from './serve-context-layout.ts';

const contextKindServe = 2;
const wordRange = 2 ** 32;

/** Memory of closed contexts that nobody looks at any more, given back once its view was collected. */
export type ContextCollector = FinalizationRegistry<{
  readonly address: number;
  readonly byteLength: number;
}>;

/**
 * The memory through which a worker thread and the native `serve` loop talk. One for each connection to a client; only
 * the thread that opened it uses it.
 */
export class ServeContext implements Disposable {
  /** `struct rfaas_serve_context` itself; see serveWord. */
  readonly words: Uint32Array;
  /** How native code calls this context. */
  readonly index: number;
  /** `rfaas_serve`: `enum rfaas_serve_result`, or a negative errno. */
  readonly serve: (context: number) => number;
  /** Where the memory is. */
  readonly address: number;
  readonly #library: NativeLibrary;
  readonly #close: NativeFunction;
  readonly #collector: ContextCollector | undefined;
  #open = true;

  /**
   * With a collector, which must live longer, the memory of a closed context goes back; without one it stays as long as the
   * process.
   *
   * Throws RfaasError `RFAAS_ERR_VERSION` where the native loops were built from other sources.
   */
  constructor(collector?: ContextCollector) {
    const library = loadNativeLibrary(findNativeLibrary('librfaas_loops.so'));
    checkLayout(library);
    const address = new BigUint64Array(1);
    const bytes = new Uint32Array(1);
    const open = library.function('rfaas_context_open', 'int', ['uint32_t', 'void *', 'void *']);
    this.index = open(contextKindServe, address, bytes);
    if (this.index < 0) {
      throw new RfaasError(
        'RFAAS_ERR_INTERNAL',
        `cannot open a context of the serve loop (errno ${-this.index})`,
      );
    }
    this.serve = library.function('rfaas_serve', 'int', ['uint32_t']);
    this.#library = library;
    this.#close = library.function('rfaas_context_close', 'int', ['uint32_t']);
    this.address = Number(address[0]);
    this.words = new Uint32Array(library.view(this.address, Number(bytes[0])));
    this.#collector = collector;
  }

  /** One for all contexts of a thread. */
  static collector(): ContextCollector {
    const library = loadNativeLibrary(findNativeLibrary('librfaas_loops.so'));
    const unmap = library.function('rfaas_context_unmap', 'int', ['uintptr_t', 'uint32_t']);
    return new FinalizationRegistry(({ address, byteLength }) => unmap(address, byteLength));
  }

  /** Stores a 64-bit field, or one element of an array of them. */
  set64(field: ServeContextField, value: number, element = 0): void {
    const at = serveWord[field] + 2 * element;
    this.words[at] = value;
    this.words[at + 1] = value / wordRange;
  }

  /** Reads a 64-bit field as a number. */
  get64(field: ServeContextField): number {
    const at = serveWord[field];
    return (this.words[at] ?? 0) + (this.words[at + 1] ?? 0) * wordRange;
  }

  /** Bytes at a native address; whoever looks must know that it stays mapped. */
  view(address: number, byteLength: number): Uint8Array {
    return new Uint8Array(this.#library.view(address, byteLength));
  }

  /** Native code forgets the context; its memory lives as long as somebody has its view. Idempotent. */
  close(): void {
    if (this.#open) {
      this.#open = false;
      this.#close(this.index);
      const { buffer, byteLength } = this.words;
      this.#collector?.register(buffer, { address: this.address, byteLength });
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function checkLayout(library: NativeLibrary): void {
  const expected = expectedServeLayout();
  const offsets = new Uint32Array(expected.length + 8);
  const layout = library.function('rfaas_layout', 'int', ['uint32_t', 'void *', 'uint32_t']);
  const count = layout(contextKindServe, offsets, offsets.length);
  const found = [...offsets.subarray(0, Math.max(0, count))].sort((a, b) => a - b);
  if (found.join() !== expected.join()) {
    throw new RfaasError(
      'RFAAS_ERR_VERSION',
      `the native loops at ${library.path} were built from other sources than this executor; ` +
        'run "npm run build:native" or install versions that belong together',
    );
  }
}
