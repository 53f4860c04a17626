import type { ExecutorAssignment } from '@rfaas/core';
import {
  formatTransportUrl,
  openTransport,
  parseTransportUrl,
  throughDevice,
  withOwnOptions,
} from '@rfaas/rdmalib';
import type { NetworkAddress, ProtectionDomain, Transport, TransportUrl } from '@rfaas/rdmalib';

/** A protection domain and the address of a peer that is reached from it. */
export interface Route {
  readonly domain: ProtectionDomain;
  readonly address: NetworkAddress;
}

/** The ways of one thread to its client and to its executor manager: one domain for both where that is possible. */
export class Routes implements AsyncDisposable {
  readonly client: Route;
  readonly manager: Route;
  readonly #transports: readonly Transport[];

  /** Opens the transports; throws RdmaError. */
  constructor(clientUrl: string, managerUrl: string) {
    const managerAddress = parseTransportUrl(managerUrl);
    // Whom to trust and which device to use is for this node to say, not for the client.
    const clientAddress = withOwnOptions(parseTransportUrl(clientUrl), managerAddress);
    const manager = openTransport(managerAddress);
    const client = sameTransport(clientAddress, managerAddress) ? manager : openTransport(clientAddress);
    const managerDomain = manager.openProtectionDomain();
    const clientDomain = client === manager ? managerDomain : client.openProtectionDomain();
    this.manager = {
      domain: managerDomain,
      address: { host: managerAddress.host, port: managerAddress.port },
    };
    this.client = { domain: clientDomain, address: { host: clientAddress.host, port: clientAddress.port } };
    this.#transports = client === manager ? [manager] : [manager, client];
  }

  /** Closes everything that was opened from the domains, too. */
  async close(): Promise<void> {
    for (const transport of this.#transports) {
      await transport.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** The same assignment, carried out over the named device of this host. Throws RdmaError where the manager is on none. */
export function onOwnDevice(assignment: ExecutorAssignment, device: string | undefined): ExecutorAssignment {
  if (device === undefined) {
    return assignment;
  }
  const managerUrl = throughDevice(parseTransportUrl(assignment.managerUrl), device);
  return { ...assignment, managerUrl: formatTransportUrl(managerUrl) };
}

function sameTransport(a: TransportUrl, b: TransportUrl): boolean {
  const options = (url: TransportUrl): string => JSON.stringify(Object.entries(url.options).sort());
  return a.kind === b.kind && a.provider === b.provider && options(a) === options(b);
}
