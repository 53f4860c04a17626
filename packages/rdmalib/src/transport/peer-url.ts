import type { NetworkAddress } from './network-address.ts';
import type { TransportUrl } from './transport-url.ts';

/** Options that say where a listener is or how to talk to it. All others are each side's own: devices, timers, whom to trust. */
const sharedOptions: Readonly<Record<TransportUrl['kind'], readonly string[]>> = {
  shm: ['directory'],
  verbs: [],
  libfabric: ['endpoint'],
};

/**
 * The URL to give to peers of a listener that was opened with `url` and got `address`. Its options are only those that a
 * peer needs as well: the name of a device, say, means nothing on another host.
 */
export function announcedUrl(url: TransportUrl, address: NetworkAddress): TransportUrl {
  return { ...url, host: address.host, port: address.port, options: sharedOf(url) };
}

/**
 * A URL that somebody announced, to be used with the device, timers and trust of one's own URL, where both are on the same
 * transport; otherwise as it is.
 */
export function withOwnOptions(announced: TransportUrl, own: TransportUrl): TransportUrl {
  if (announced.kind !== own.kind || announced.provider !== own.provider) {
    return announced;
  }
  return { ...announced, options: { ...own.options, ...sharedOf(announced) } };
}

function sharedOf({ kind, options }: TransportUrl): Record<string, string> {
  return Object.fromEntries(Object.entries(options).filter(([name]) => sharedOptions[kind].includes(name)));
}
