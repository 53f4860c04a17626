import { Client } from '@rfaas/client';
import { deriveNodeKey, deriveTenantCredential, generateKey } from '@rfaas/core';
import { readFileSync } from 'node:fs';

import { patience } from './patience.ts';
import { spawnServer, type SpawnedServer } from './spawn-server.ts';
import { testTransport } from './test-transport.ts';
import { TemporaryConfig } from './temporary-config.ts';

/** What a node of a test's cluster has. */
export interface NodeSettings {
  readonly cores?: number;
  readonly memory?: number;
  /** Further keys of `config` in executor_manager.json. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Further words of its command line. */
  readonly words?: readonly string[];
  /** Keys of `executor` in executor_manager.json. */
  readonly executor?: Readonly<Record<string, unknown>>;
  /** What precedes its command, e.g. to run it in another host of a lab. */
  readonly through?: readonly string[];
}

const TENANT = 'tester';
/** The manager's own default, for real processors. */
const START_TIMEOUT_MS = 10_000 * patience;

/** Processors for so many cores; the same ones again where this machine has fewer. */
function processors(count: number): number[] {
  const status = readFileSync('/proc/self/status', 'utf8');
  const list = /^Cpus_allowed_list:\s*(.*)$/m.exec(status)?.[1] ?? '0';
  const allowed = list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
  return Array.from({ length: count }, (_, index) => allowed[index % allowed.length] ?? 0);
}

/** A resource manager and executor managers on this host, as processes, with keys of their own. */
export class LocalCluster implements AsyncDisposable {
  readonly files: TemporaryConfig;
  readonly clusterKey = generateKey();
  readonly tenant = TENANT;
  readonly #servers: SpawnedServer[] = [];
  #resourceManager: SpawnedServer | undefined;
  #only: SpawnedServer | undefined;

  private constructor(files: TemporaryConfig) {
    this.files = files;
  }

  /** Nothing runs yet. */
  static async create(): Promise<LocalCluster> {
    return new LocalCluster(await TemporaryConfig.create());
  }

  /** A cluster with a resource manager and nodes `node-0`, `node-1`, …. */
  static async start(nodes: readonly NodeSettings[] = [{}]): Promise<LocalCluster> {
    const cluster = await LocalCluster.create();
    try {
      await cluster.startResourceManager();
      for (const [index, node] of nodes.entries()) await cluster.startNode(`node-${index}`, node);
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** One node without a resource manager, whose key clients hold. */
  static async single(node: NodeSettings = {}): Promise<LocalCluster> {
    const cluster = await LocalCluster.create();
    try {
      cluster.#only = await cluster.startNode('node-0', node);
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  get resourceManager(): SpawnedServer {
    if (this.#resourceManager === undefined) throw new Error('no resource manager was started');
    return this.#resourceManager;
  }

  /** The process of a node that was started. */
  node(name: string): SpawnedServer {
    const server = this.#servers.find(({ ready }) => ready.node === name);
    if (server === undefined) throw new Error(`no node "${name}" was started`);
    return server;
  }

  get credential(): Uint8Array {
    return deriveTenantCredential(this.clusterKey, TENANT);
  }

  get tokenFile(): string {
    return this.files.path('http.token');
  }

  nodeKey(name: string): Uint8Array {
    return deriveNodeKey(this.clusterKey, name);
  }

  async startResourceManager(
    config: Readonly<Record<string, unknown>> = {},
    through: readonly string[] = [],
  ): Promise<SpawnedServer> {
    const path = await this.files.json('resource_manager.json', {
      config: {
        transport: testTransport,
        cluster_key_file: await this.files.key('cluster.key', this.clusterKey),
        http_token_file: this.tokenFile,
        state_file: this.files.path('state.db'),
        // Tests wait for nobody who is gone, unless that is what they are about.
        client_grace_ms: 0,
        ...config,
      },
    });
    this.#resourceManager = this.#remember(
      await spawnServer('rfaas-resource-manager', { arguments: ['-c', path], through }),
    );
    return this.#resourceManager;
  }

  /** Starts a node; without a resource manager in this cluster, with `--skip-resource-manager`. */
  async startNode(
    name: string,
    { cores = 2, memory = 4096, config, words = [], executor, through = [] }: NodeSettings = {},
  ): Promise<SpawnedServer> {
    const path = await this.files.json(`${name}.json`, {
      config: {
        transport: testTransport,
        node_name: name,
        node_key_file: await this.files.key(`${name}.key`, this.nodeKey(name)),
        cores: processors(cores),
        memory,
        drain_grace_ms: 0,
        ...(this.#resourceManager === undefined ? {} : { resource_manager: this.#resourceManager.url }),
        ...config,
      },
      executor: { start_timeout_ms: START_TIMEOUT_MS, ...executor },
    });
    const skip = this.#resourceManager === undefined ? ['--skip-resource-manager'] : [];
    const parameters = ['-c', path, ...skip, ...words];
    return this.#remember(await spawnServer('rfaas-executor-manager', { arguments: parameters, through }));
  }

  /** A client of the resource manager, as the cluster's tenant; without one, of the only node. */
  async connect(): Promise<Client> {
    if (this.#only !== undefined) return Client.direct(this.#only.url, { nodeKey: this.nodeKey('node-0') });
    return Client.connect({
      resourceManager: this.resourceManager.url,
      tenant: TENANT,
      credential: this.credential,
    });
  }

  /** Stops every server that still runs, last first, and removes the files. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers.splice(0).reverse()) await server.stop();
    await this.files[Symbol.asyncDispose]();
  }

  #remember(server: SpawnedServer): SpawnedServer {
    this.#servers.push(server);
    return server;
  }
}
