import { RfaasError } from '@rfaas/core/wire';
import { findNativeLibrary, loadNativeLibrary } from '@rfaas/rdmalib';
import type { NativeFunction } from '@rfaas/rdmalib';

const errorTextBytes = 1024;
const signalKill = 9;

/** What the executor asks of the operating system beyond what Node offers (native-shims/include/rfaas_host.h). */
export class HostFunctions {
  readonly #setAffinity: NativeFunction;
  readonly #dieWithParent: NativeFunction;
  readonly #libraryOpen: NativeFunction;
  readonly #librarySymbol: NativeFunction;
  readonly #libraryClose: NativeFunction;
  readonly #errorText: NativeFunction;

  constructor() {
    const library = loadNativeLibrary(findNativeLibrary('librfaas_loops.so'));
    this.#setAffinity = library.function('rfaas_set_affinity', 'int', ['int32_t', 'void *', 'uint32_t']);
    this.#dieWithParent = library.function('rfaas_die_with_parent', 'int', ['int32_t']);
    this.#libraryOpen = library.function('rfaas_library_open', 'int', ['str', 'void *']);
    this.#librarySymbol = library.function('rfaas_library_symbol', 'int', ['uint64_t', 'str', 'void *']);
    this.#libraryClose = library.function('rfaas_library_close', 'int', ['uint64_t']);
    this.#errorText = library.function('rfaas_host_error_text', 'int', ['void *', 'uint32_t']);
  }

  /** Binds the calling thread to one processor. */
  pinThread(cpu: number): void {
    const mask = new BigUint64Array(Math.floor(cpu / 64) + 1);
    mask[mask.length - 1] = 1n << BigInt(cpu % 64);
    this.#check(this.#setAffinity(0, mask, mask.length));
  }

  /** The kernel kills this process when its parent ends, however that ends. */
  dieWithParent(): void {
    this.#check(this.#dieWithParent(signalKill));
  }

  /** Loads a shared library, which stays loaded until it is closed, and runs its constructors. Throws with the loader's own text. */
  openLibrary(path: string): bigint {
    const handle = new BigUint64Array(1);
    this.#check(this.#libraryOpen(path, handle));
    return handle[0] ?? 0n;
  }

  /** The address of a symbol. */
  symbolAddress(library: bigint, name: string): bigint {
    const address = new BigUint64Array(1);
    this.#check(this.#librarySymbol(library, name, address));
    return address[0] ?? 0n;
  }

  /** Unloads a library of {@link openLibrary}; nobody may run any of it. */
  closeLibrary(library: bigint): void {
    this.#check(this.#libraryClose(library));
  }

  #check(result: number): void {
    if (result < 0) {
      const text = new Uint8Array(errorTextBytes);
      const length = this.#errorText(text, errorTextBytes);
      throw new RfaasError(
        'RFAAS_ERR_UNSUPPORTED',
        new TextDecoder().decode(text.subarray(0, Math.max(0, length))),
      );
    }
  }
}
