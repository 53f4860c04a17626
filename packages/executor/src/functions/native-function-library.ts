import { elfFunctionNames, maxFunctions, RfaasError } from '@rfaas/core/wire';
import type { MemoryRegion, ProtectionDomain } from '@rfaas/rdmalib';
import type { HostFunctions } from '../native/host-functions.ts';

/** A loaded shared library. */
export interface NativeFunctionLibrary {
  /** Sorted: a name's index is the function's index on the wire. */
  readonly names: readonly string[];
  /** The functions' addresses in the same order, as native code reads them; all threads share them. */
  readonly table: MemoryRegion;
  /** Unloads it, and closes the table and the file, which stay open till then: what the loader mapped must not change. */
  readonly unload: () => void;
}

/**
 * Loads a shared library from memory and runs its constructors: one that crashes takes the process with it. Throws
 * RfaasError `RFAAS_ERR_PACKAGE` for anything that does not load, or that has no function.
 *
 * @param file the library's bytes, in a region with `file` backing
 */
export function loadNativeFunctions(
  file: MemoryRegion,
  domain: ProtectionDomain,
  host: HostFunctions,
): NativeFunctionLibrary {
  const names = elfFunctionNames(file.bytes);
  if (names.length === 0) {
    throw new RfaasError(
      'RFAAS_ERR_PACKAGE',
      'the library exports no function; is it built with hidden visibility?',
    );
  }
  if (names.length > maxFunctions) {
    throw new RfaasError(
      'RFAAS_ERR_PACKAGE',
      `the library exports ${names.length} functions, at most ${maxFunctions} can be called; hide the others`,
    );
  }
  const table = domain.allocateMemory({ byteLength: 8 * names.length, access: ['local-write'] });
  let library: bigint;
  try {
    library = host.openLibrary(file.path ?? '');
    const addresses = new BigUint64Array(table.bytes.buffer, table.bytes.byteOffset, names.length);
    names.forEach((name, index) => {
      addresses[index] = host.symbolAddress(library, name);
    });
  } catch (error) {
    table.close();
    const reason = error instanceof Error ? error.message : String(error);
    throw new RfaasError('RFAAS_ERR_PACKAGE', `the library does not load: ${reason}`, { cause: error });
  }
  const unload = (): void => {
    host.closeLibrary(library);
    table.close();
    file.close();
  };
  return { names, table, unload };
}
