import { RdmaError } from '../errors.ts';
import { findNativeLibrary } from '../native/find-native-library.ts';
import { Shim } from '../native/shim.ts';

/** Debian's packages of the libraries that the native one needs; other distributions have both in rdma-core. */
const packagesOf: Readonly<Record<string, string>> = {
  'libibverbs.so.1': 'libibverbs1 ibverbs-providers',
  'librdmacm.so.1': 'librdmacm1',
};

/** Loads the native library on top of libibverbs and librdmacm. Throws RdmaError that says which package is missing. */
export function loadVerbs(): Shim {
  try {
    return new Shim('verbs', findNativeLibrary('librdmalib_verbs.so'));
  } catch (error) {
    throw new RdmaError(
      'RDMA_ERR_LIBRARY_NOT_FOUND',
      whyNotLoaded(error instanceof Error ? error.message : String(error)),
      { operation: 'openTransport', transport: 'verbs' },
      { cause: error },
    );
  }
}

function whyNotLoaded(said: string): string {
  const missing = Object.entries(packagesOf).find(([library]) => said.includes(library));
  if (missing !== undefined) {
    const [library, debian] = missing;
    return `verbs needs ${library}, which is not installed. Debian: apt-get install ${debian}; elsewhere: rdma-core. ${said}`;
  }
  return (
    'verbs needs libibverbs, librdmacm and the native library that is built on them. Debian: apt-get install ' +
    `ibverbs-providers librdmacm1, and to build it libibverbs-dev librdmacm-dev. ${said}`
  );
}
