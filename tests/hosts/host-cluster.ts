import type { LeaseOptions } from '@rfaas/client';
import { openTransport } from '@rfaas/rdmalib';

import { compileFunctionLibrary, type CompiledLibrary } from '../support/compile-function-library.ts';
import { LocalCluster } from '../support/local-cluster.ts';
import { HostLab } from './lab/host-lab.mjs';
import { RemoteClient } from './remote-client.ts';

/** Connected endpoints, and one datagram endpoint for all peers. */
export const kindsAcrossHosts = ['libfabric+tcp', 'libfabric+tcp;ofi_rxm'];

/** Why a kind of transport cannot be used here; null where it can. */
export function transportUnavailable(kind: string): string | null {
  try {
    void openTransport(`${kind}://127.0.0.1:0`).close();
    return null;
  } catch (error) {
    return (error as Error).message.replaceAll(/\s+/g, ' ');
  }
}

/** What a cluster on several hosts is made of. */
export interface HostClusterOptions {
  /** A scheme of transport URLs. */
  readonly kind: string;
  /** Hosts with an executor manager of one core, named like their hosts. */
  readonly nodes: readonly string[];
  /** Hosts without; `manager` is always there, with the resource manager. */
  readonly others: readonly string[];
  /** After so long a silence a host counts as lost, for everybody. Default: what everybody does by default. */
  readonly peerTimeoutMs?: number;
}

/** A cluster whose parts run on hosts of a lab, and its clients there. */
export class HostCluster implements AsyncDisposable {
  readonly lab: HostLab;
  readonly cluster: LocalCluster;
  readonly #library: CompiledLibrary;
  readonly #options: HostClusterOptions;
  readonly #clients: RemoteClient[] = [];

  private constructor(
    lab: HostLab,
    cluster: LocalCluster,
    library: CompiledLibrary,
    options: HostClusterOptions,
  ) {
    this.lab = lab;
    this.cluster = cluster;
    this.#library = library;
    this.#options = options;
  }

  static async start(options: HostClusterOptions): Promise<HostCluster> {
    // First: whatever fails from here on, its guardian removes it.
    const lab = await HostLab.create(['manager', ...options.nodes, ...options.others]);
    const library = await compileFunctionLibrary({ file: 'test-functions.c' });
    const hosts = new HostCluster(lab, await LocalCluster.create(), library, options);
    try {
      await hosts.#startServers();
    } catch (error) {
      await hosts[Symbol.asyncDispose]();
      throw error;
    }
    return hosts;
  }

  async #startServers(): Promise<void> {
    const { nodes, peerTimeoutMs: silence } = this.#options;
    await this.cluster.startResourceManager(
      { transport: this.#urlOf('manager'), peer_timeout_ms: silence, node_timeout_ms: silence },
      this.lab.host('manager').prefix,
    );
    await Promise.all(
      nodes.map((name) =>
        this.cluster.startNode(name, {
          cores: 1,
          config: { transport: this.#urlOf(name), peer_timeout_ms: silence },
          through: this.lab.host(name).prefix,
        }),
      ),
    );
  }

  #urlOf(host: string): string {
    return `${this.#options.kind}://${this.lab.host(host).address}:0`;
  }

  /** A client on a host that is connected to the resource manager. */
  async connectedClient(host: string): Promise<RemoteClient> {
    const client = await RemoteClient.start(this.lab.host(host));
    this.#clients.push(client);
    await client.call('connect', {
      resourceManager: this.cluster.resourceManager.url,
      tenant: this.cluster.tenant,
      credential: Buffer.from(this.cluster.credential).toString('hex'),
      peerTimeoutMs: this.#options.peerTimeoutMs,
    });
    return client;
  }

  /** A client on a host, with a lease and an executor on each of the nodes, named after them. */
  async clientOn(host: string, wanted: readonly string[]): Promise<RemoteClient> {
    const client = await this.connectedClient(host);
    for (const node of wanted) {
      await this.leaseOnce(client, node, { cores: 1, node });
      await this.allocate(client, node, node);
    }
    return client;
  }

  /** An executor of a client's lease, called `name`; on a node of it where that is said. */
  async allocate(client: RemoteClient, name: string, lease: string, node?: string): Promise<void> {
    const options = { hotTimeout: 0, ...(node === undefined ? {} : { node }) };
    await client.call('allocate', name, lease, { library: this.#library.path }, options);
  }

  /** Leases nodes whose only cores may still be on their way back from the client before. */
  async leaseOnce(client: RemoteClient, name: string, options: LeaseOptions): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      const { error } = await client.outcome('lease', name, options);
      if (error === undefined) return;
      if (error.code !== 'RFAAS_ERR_NO_CAPACITY' || attempt >= 500) throw new Error(error.message);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** How often a node has registered so far. */
  registrations(name: string): number {
    return this.cluster.resourceManager.log
      .split('\n')
      .filter((line) => line.includes('node registered') && line.includes(`"${name}"`)).length;
  }

  async endClients(): Promise<void> {
    for (const client of this.#clients.splice(0)) await client[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.endClients();
    await this.cluster[Symbol.asyncDispose]();
    await this.lab[Symbol.asyncDispose]();
    await this.#library[Symbol.asyncDispose]();
  }
}
