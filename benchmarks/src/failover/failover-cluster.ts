import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@rfaas/client';
import { deriveNodeKey, deriveTenantCredential, formatKey, generateKey } from '@rfaas/core';
import { parseTransportUrl } from '@rfaas/rdmalib';
import { LocalEtcd } from '../programs/local-etcd.ts';
import { ServerProgram } from '../programs/server-program.ts';

/** What the cluster is made of. */
export interface FailoverClusterOptions {
  readonly managers: number;
  readonly etcdMembers: number;
  /** Cores and the label `pool` by name of the node. */
  readonly nodes: ReadonlyMap<string, { readonly cores: number; readonly pool: string }>;
  /** How long a leader may be silent for etcd. */
  readonly leaseSeconds: number;
}

/** How long a server may take to start. */
const START_MS = 60_000;
/** Nobody is given up while faults are played: what is lost then is lost by mistake. */
const GRACE_MS = 120_000;
const TENANT = 'failover';

/** Several resource managers over one etcd, and nodes, as processes of this host. */
export class FailoverCluster implements AsyncDisposable {
  readonly etcd: LocalEtcd;
  /** Resource managers by number; `undefined` while one is dead. */
  readonly managers: (ServerProgram | undefined)[] = [];
  readonly #options: FailoverClusterOptions;
  readonly #directory = mkdtempSync(join(tmpdir(), 'rfaas-failover-'));
  readonly #clusterKey = generateKey();
  readonly #nodes: ServerProgram[] = [];
  readonly #urls: string[] = [];

  private constructor(options: FailoverClusterOptions, etcd: LocalEtcd) {
    this.#options = options;
    this.etcd = etcd;
  }

  static async start(options: FailoverClusterOptions): Promise<FailoverCluster> {
    const cluster = new FailoverCluster(options, await LocalEtcd.start({ members: options.etcdMembers }));
    try {
      for (let index = 0; index < options.managers; index += 1) await cluster.startManager(index);
      await Promise.all([...options.nodes.keys()].map((name) => cluster.#startNode(name)));
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Of all resource managers. */
  get urls(): readonly string[] {
    return this.#urls;
  }

  /** A client that knows all resource managers. */
  connect(): Promise<Client> {
    return Client.connect({
      resourceManager: this.urls,
      tenant: TENANT,
      credential: deriveTenantCredential(this.#clusterKey, TENANT),
      timeoutMs: START_MS,
    });
  }

  /** Starts a resource manager, at the address that it had before; HTTP has another port, since the old one may be taken. */
  async startManager(index: number): Promise<void> {
    const url = this.#urls[index] ?? 'shm://0';
    const file = this.#write(`manager-${index}.json`, {
      config: {
        name: `manager-${index}`,
        transport: `shm://${parseTransportUrl(url).port}`,
        insecure: true,
        cluster_key_file: this.#writeKey('cluster.key', this.#clusterKey),
        store: 'etcd',
        etcd: { endpoints: this.etcd.endpoints, lease_seconds: this.#options.leaseSeconds },
        client_grace_ms: GRACE_MS,
        node_timeout_ms: GRACE_MS,
      },
    });
    const program = await ServerProgram.start(
      'resource-manager',
      ['-c', file],
      AbortSignal.timeout(START_MS),
    );
    this.managers[index] = program;
    this.#urls[index] ??= program.url;
  }

  /** Kills a resource manager. */
  async killManager(index: number): Promise<void> {
    const manager = this.managers[index];
    this.managers[index] = undefined;
    await manager?.end('SIGKILL');
  }

  /** The number of the resource manager that leads, once one does. */
  async leader(): Promise<number> {
    for (;;) {
      const roles = await Promise.all(this.managers.map(roleOf));
      const index = roles.indexOf('leader');
      if (index >= 0) return index;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** What the leader answers to `GET path`. */
  async get(path: string): Promise<unknown> {
    const leader = this.managers[await this.leader()];
    const response = await fetch(new URL(path, leader?.httpUrl));
    return response.json();
  }

  /** The last words of every server. */
  logs(): string {
    return [...this.managers, ...this.#nodes]
      .map((server, index) => `--- server ${index}\n${server?.log.slice(-60).join('\n') ?? 'dead'}`)
      .join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      [...this.#nodes, ...this.managers].map(async (server) => server?.[Symbol.asyncDispose]()),
    );
    await this.etcd[Symbol.asyncDispose]();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #startNode(name: string): Promise<void> {
    const { cores, pool } = this.#options.nodes.get(name)!;
    const file = this.#write(`${name}.json`, {
      config: {
        transport: 'shm://0',
        node_name: name,
        node_key_file: this.#writeKey(`${name}.key`, deriveNodeKey(this.#clusterKey, name)),
        resource_manager: this.urls,
        cores: Array.from({ length: cores }, () => 0),
        memory: 65_536,
        labels: { pool },
      },
    });
    this.#nodes.push(
      await ServerProgram.start('executor-manager', ['-c', file], AbortSignal.timeout(START_MS)),
    );
  }

  #write(name: string, value: unknown): string {
    const path = join(this.#directory, name);
    writeFileSync(path, JSON.stringify(value));
    return path;
  }

  #writeKey(name: string, key: Uint8Array): string {
    const path = join(this.#directory, name);
    writeFileSync(path, formatKey(key), { mode: 0o600 });
    return path;
  }
}

async function roleOf(manager: ServerProgram | undefined): Promise<string | undefined> {
  if (manager === undefined) return undefined;
  try {
    const response = await fetch(new URL('/health', manager.httpUrl), { signal: AbortSignal.timeout(500) });
    return ((await response.json()) as { readonly role?: string }).role;
  } catch {
    // It starts, stands still, or is being killed.
    return undefined;
  }
}
