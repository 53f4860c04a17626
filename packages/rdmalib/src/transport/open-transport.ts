import { InvalidArgumentError } from '../errors.ts';
import { openLibfabricTransport } from '../libfabric/libfabric-transport.ts';
import { openShmTransport } from '../shm/shm-transport.ts';
import { openVerbsTransport } from '../verbs/verbs-transport.ts';
import type { Transport } from './transport.ts';
import { parseTransportUrl, type TransportUrl } from './transport-url.ts';

/**
 * Opens the transport that a URL names and checks that it works here. Host and port are passed to
 * `connect` and `listen`; here the host only helps verbs and libfabric to find a device. A worker thread opens its own. Throws RdmaError.
 */
export function openTransport(url: string | TransportUrl): Transport {
  const parsed = typeof url === 'string' ? parseTransportUrl(url) : url;
  requireOneLine(parsed);
  if (parsed.kind === 'shm') {
    return openShmTransport(parsed.options);
  }
  if (parsed.kind === 'verbs') {
    return openVerbsTransport(parsed);
  }
  return openLibfabricTransport(parsed);
}

function requireOneLine(url: TransportUrl): void {
  for (const [key, value] of Object.entries(url.options)) {
    if (/[\n\r\0]/.test(key + value)) {
      throw new InvalidArgumentError(
        `cannot open a ${url.kind} transport: the option "${key}" has a line break in it`,
        {
          operation: 'openTransport',
        },
      );
    }
  }
}
