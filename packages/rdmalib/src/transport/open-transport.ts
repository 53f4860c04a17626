import { RdmaError } from '../errors.ts';
import type { Transport } from './transport.ts';
import { formatTransportUrl, parseTransportUrl, type TransportUrl } from './transport-url.ts';

/**
 * Opens the transport that a URL names and checks that it works here. Host and port play no part: pass them to
 * `connect` and `listen`. Throws RdmaError.
 */
export function openTransport(url: string | TransportUrl): Transport {
  const parsed = typeof url === 'string' ? parseTransportUrl(url) : url;
  throw new RdmaError('RDMA_ERR_LIBRARY_NOT_FOUND', `cannot open ${formatTransportUrl(parsed)}`, {
    operation: 'openTransport',
  });
}
