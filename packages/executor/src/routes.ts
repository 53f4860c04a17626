import type { ExecutorPreparation } from '@rfaas/core';
import {
  formatTransportUrl,
  openTransport,
  parseTransportUrl,
  throughDevice,
  withOwnOptions,
} from '@rfaas/rdmalib';
import type { NetworkAddress, ProtectionDomain, TransportUrl } from '@rfaas/rdmalib';

/** A protection domain and the address of a peer that is reached from it. */
export interface Route {
  readonly domain: ProtectionDomain;
  readonly address: NetworkAddress;
}

/**
 * The ways of one thread to its executor manager and, once it has one, to its client: one domain for all peers that are reached
 * the same way. Nothing is closed: it all ends with the process.
 */
export class Routes {
  readonly manager: Route;
  readonly #managerUrl: TransportUrl;
  readonly #opened: { readonly url: TransportUrl; readonly domain: ProtectionDomain }[] = [];

  /** Opens the manager's transport; throws RdmaError. */
  constructor(managerUrl: string) {
    this.#managerUrl = parseTransportUrl(managerUrl);
    this.manager = this.#to(this.#managerUrl);
  }

  /** The way to a client. Throws RdmaError for a transport that does not open here. */
  toClient(clientUrl: string): Route {
    // Whom to trust and which device to use is for this node to say, not for the client.
    return this.#to(withOwnOptions(parseTransportUrl(clientUrl), this.#managerUrl));
  }

  #to(url: TransportUrl): Route {
    let domain = this.#opened.find((opened) => sameTransport(opened.url, url))?.domain;
    if (domain === undefined) {
      domain = openTransport(url).openProtectionDomain();
      this.#opened.push({ url, domain });
    }
    return { domain, address: addressOf(url) };
  }
}

/** The same preparation, carried out over the named device of this host. Throws RdmaError where the manager is on none. */
export function onOwnDevice(
  preparation: ExecutorPreparation,
  device: string | undefined,
): ExecutorPreparation {
  if (device === undefined) {
    return preparation;
  }
  const managerUrl = throughDevice(parseTransportUrl(preparation.managerUrl), device);
  return { ...preparation, managerUrl: formatTransportUrl(managerUrl) };
}

function addressOf({ host, port }: TransportUrl): NetworkAddress {
  return { host, port };
}

function sameTransport(a: TransportUrl, b: TransportUrl): boolean {
  const options = (url: TransportUrl): string => JSON.stringify(Object.entries(url.options).sort());
  return a.kind === b.kind && a.provider === b.provider && options(a) === options(b);
}
