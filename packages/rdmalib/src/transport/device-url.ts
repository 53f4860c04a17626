import { InvalidArgumentError } from '../errors.ts';
import type { NetworkAddress } from './network-address.ts';
import { printableUrl, type TransportUrl } from './transport-url.ts';

/** What each kind of transports calls the option that names a device. */
const deviceOption = { verbs: 'device', libfabric: 'domain' } as const;

/** A peer's URL, to be reached through the named device of this host. Throws InvalidArgumentError for shm, which has none. */
export function throughDevice(url: TransportUrl, device: string): TransportUrl {
  if (url.kind === 'shm') {
    throw new InvalidArgumentError(
      `cannot reach ${printableUrl(url)} through device "${device}": shared memory has no devices; name the peer by a ` +
        'verbs:// or libfabric+PROVIDER:// URL, or leave the device out',
      { operation: 'throughDevice', transport: 'shm' },
    );
  }
  return { ...url, options: { ...url.options, [deviceOption[url.kind]]: device } };
}

/**
 * Where a server listens that was told a device. The address follows from the device, or is the known one; the port is the
 * URL's, else the known one, else chosen by the system. A server on shared memory moves to verbs.
 */
export function listeningOnDevice(url: TransportUrl, device: string, known?: NetworkAddress): TransportUrl {
  const { source: _source, route: _route, ...options } = url.kind === 'shm' ? {} : url.options;
  const kind = url.kind === 'shm' ? 'verbs' : url.kind;
  const port = url.port === 0 ? (known?.port ?? 0) : url.port;
  return throughDevice({ ...url, kind, host: known?.host ?? '', port, options }, device);
}
