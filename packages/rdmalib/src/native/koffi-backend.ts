import koffi from 'koffi';
import { RdmaError } from '../errors.ts';
import type { NativeArgument, NativeFunction, NativeLibrary } from './native-library.ts';

/** koffi's maximum; a foreign function runs on this stack, and user code below it may have deep frames. */
const stackBytes = 16 * 1024 * 1024;

// As with Node's modules: a library and its functions are looked up once in a thread, which takes longer than calling them.
const loaded = new Map<string, NativeLibrary>();

function configureOnce(): void {
  // koffi refuses to be configured after its first call in this process or worker.
  if (koffi.config().sync_stack_size !== stackBytes) {
    koffi.config({ sync_stack_size: stackBytes });
  }
}

/**
 * Loads a shared library. Throws RdmaError with code RDMA_ERR_LIBRARY_NOT_FOUND that says why it does not load, and
 * from `function` RDMA_ERR_ABI_MISMATCH where the library has no such function.
 */
export function loadNativeLibrary(path: string): NativeLibrary {
  const known = loaded.get(path) ?? openNativeLibrary(path);
  loaded.set(path, known);
  return known;
}

function openNativeLibrary(path: string): NativeLibrary {
  configureOnce();
  let library;
  try {
    library = koffi.load(path);
  } catch (cause) {
    throw new RdmaError(
      'RDMA_ERR_LIBRARY_NOT_FOUND',
      `cannot load the native library ${path}: ${messageOf(cause)}`,
      { operation: 'dlopen' },
      { cause },
    );
  }
  const opened = library;
  const functions = new Map<string, NativeFunction>();
  return {
    path,
    function(name: string, result: string, parameters: readonly string[]): NativeFunction {
      const signature = `${result} ${name}(${parameters.join()})`;
      const bound = functions.get(signature) ?? bind(name, result, parameters);
      functions.set(signature, bound);
      return bound;
    },
    view: viewNativeMemory,
  };

  function bind(name: string, result: string, parameters: readonly string[]): NativeFunction {
    try {
      return opened.func(name, result, [...parameters]) as (...values: NativeArgument[]) => number;
    } catch (cause) {
      throw new RdmaError(
        'RDMA_ERR_ABI_MISMATCH',
        `the native library ${path} has no function ${name} (${messageOf(cause)}); it was built from other sources: ` +
          'build it again with "npm run build:native"',
        { operation: 'dlsym' },
        { cause },
      );
    }
  }
}

/** An ArrayBuffer over native memory, which must stay mapped until the ArrayBuffer was collected. */
export function viewNativeMemory(address: number, byteLength: number): ArrayBuffer {
  return koffi.view(BigInt(address), byteLength);
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
