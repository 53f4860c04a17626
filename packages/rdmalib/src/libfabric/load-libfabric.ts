import { RdmaError } from '../errors.ts';
import { findNativeLibrary } from '../native/find-native-library.ts';
import { Shim } from '../native/shim.ts';

/** Loads the native library on top of libfabric. Throws RdmaError that says which package is missing. */
export function loadLibfabric(name: string): Shim {
  try {
    return new Shim(name, findNativeLibrary('librdmalib_libfabric.so'));
  } catch (error) {
    throw new RdmaError(
      'RDMA_ERR_LIBRARY_NOT_FOUND',
      whyNotLoaded(error instanceof Error ? error.message : String(error)),
      { operation: 'openTransport', transport: name },
      { cause: error },
    );
  }
}

function whyNotLoaded(said: string): string {
  if (said.includes('libfabric.so.1')) {
    return `libfabric.so.1 is not installed. Debian: apt-get install libfabric1; 1.17 or newer is needed. ${said}`;
  }
  return (
    'libfabric needs libfabric (1.17 or newer) and the native library that is built on it. Debian: apt-get install ' +
    `libfabric1, and to build it libfabric-dev. ${said}`
  );
}
