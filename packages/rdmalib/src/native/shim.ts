import { RdmaError } from '../errors.ts';
import { loadNativeLibrary } from './koffi-backend.ts';
import type { NativeFunction } from './native-library.ts';
import { nativeError } from './native-error.ts';
import { abiVersion } from './shim-layout.ts';
import { shimPrototypes, type ShimFunctionName } from './shim-prototypes.ts';

const errorTextBytes = 512;

/** Every function of the ABI by its C name. */
export type ShimCalls = Readonly<Record<ShimFunctionName, NativeFunction>>;

/** The functions of one fabric's library, bound once, and what to do with their results. */
export class Shim {
  /** What errors call the transport, e.g. `shm`. */
  readonly name: string;
  readonly path: string;
  readonly call: ShimCalls;
  /** The address of `struct shim_table`. */
  readonly tableAddress: number;
  readonly #errorText = new Uint8Array(errorTextBytes);

  /** Loads the library and checks that it speaks this ABI; throws RdmaError. */
  constructor(name: string, path: string) {
    const library = loadNativeLibrary(path);
    const bind = ([symbol, parameters]: readonly [string, readonly string[]]): [string, NativeFunction] => [
      symbol,
      library.function(symbol, symbol === 'shim_table' ? 'uintptr_t' : 'int', parameters),
    ];
    this.name = name;
    this.path = path;
    this.call = Object.fromEntries(Object.entries(shimPrototypes).map(bind)) as ShimCalls;
    this.tableAddress = Number(this.call.shim_table());
    const [version] = new Uint32Array(library.view(this.tableAddress, 8));
    if (version !== abiVersion) {
      throw new RdmaError(
        'RDMA_ERR_ABI_MISMATCH',
        `the native library ${path} has ABI version ${version}, this package needs ${abiVersion}: build the library ` +
          'again with "npm run build:native" or install versions that belong together',
        { operation: 'shim_table', transport: name },
      );
    }
  }

  /** Returns a result that is no error; throws the RdmaError that a negative errno stands for. */
  check(result: number, operation: ShimFunctionName): number {
    if (result < 0) {
      throw nativeError(result, this.lastErrorText(), { operation, transport: this.name });
    }
    return result;
  }

  /** What the last failed call of this thread said about it. */
  lastErrorText(): string {
    const length = this.call.shim_error_text(this.#errorText, errorTextBytes);
    return new TextDecoder().decode(
      this.#errorText.subarray(0, Math.max(0, Math.min(length, errorTextBytes - 1))),
    );
  }
}
