import { RdmaError } from '../errors.ts';
import { findNativeLibrary } from '../native/find-native-library.ts';
import { Shim } from '../native/shim.ts';

/**
 * Libraries for PSM, which some builds of libfabric bring along, put handlers of their own in the place of the program's when they
 * are loaded: SIGINT and SIGTERM then end it at once, amid whatever it does, and may leave it hanging for ever. These
 * variables keep them from it.
 */
const WITHOUT_SIGNAL_HANDLERS = ['IPATH_NO_BACKTRACE', 'HFI_NO_BACKTRACE'];

/** Loads the native library on top of libfabric. Throws RdmaError that says which package is missing. */
export function loadLibfabric(name: string): Shim {
  for (const variable of WITHOUT_SIGNAL_HANDLERS) process.env[variable] ??= '1';
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
