import { NativeTransport } from '../native/native-transport.ts';
import type { TransportUrl } from '../transport/transport-url.ts';
import type { Transport } from '../transport/transport.ts';
import { loadVerbs } from './load-verbs.ts';

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
