import { RdmaError } from '../errors.ts';
import { findNativeLibrary } from '../native/find-native-library.ts';
import { NativeTransport } from '../native/native-transport.ts';
import { Shim } from '../native/shim.ts';
import type { TransportUrl } from '../transport/transport-url.ts';
import type { Transport } from '../transport/transport.ts';

/** Hosts that stand for every address, and so for no device. */
const anywhere = new Set(['', '0.0.0.0', '::']);

/**
 * RDMA over InfiniBand, RoCE or Soft-RoCE, through libibverbs and librdmacm. Options: `device` and its `port`, `source` (an own
 * address), `route` (an address on the way to which the device lies, default the URL's host); `ack_timeout`, `retry_count`, `rnr_retry` and
 * `min_rnr_timer` as the InfiniBand specification codes them. A route finds the device where none and no source is named, and with several
 * own addresses the one to listen on.
 */
export function openVerbsTransport(url: TransportUrl): Transport {
  return new NativeTransport(loadVerbs(), verbsOptions(url));
}

/** The lines of `key=value` that the native library takes. */
export function verbsOptions(url: TransportUrl): string {
  const route = anywhere.has(url.host) ? {} : { route: url.host };
  return Object.entries({ ...route, ...url.options })
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}

/** Debian's packages of the libraries that the native one needs; other distributions have both in rdma-core. */
const packagesOf: Readonly<Record<string, string>> = {
  'libibverbs.so.1': 'libibverbs1 ibverbs-providers',
  'librdmacm.so.1': 'librdmacm1',
};

function loadVerbs(): Shim {
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
