import {
  deriveNodeKey,
  deriveTenantCredential,
  generateKey,
  resourceManagerConfig,
  silentLogger,
} from '@rfaas/core';
import type { NodeDescription } from '../../src/cluster/executor-registry.ts';
import { ResourceManager } from '../../src/resource-manager.ts';
import { TestPeer } from './test-peer.ts';

/** A resource manager in this process, on shared memory and ports that the system chooses. */
export class TestManager implements AsyncDisposable {
  readonly clusterKey: Uint8Array;
  readonly manager: ResourceManager;

  private constructor(clusterKey: Uint8Array, manager: ResourceManager) {
    this.clusterKey = clusterKey;
    this.manager = manager;
  }

  static async start(config: object = {}, nodes: readonly NodeDescription[] = []): Promise<TestManager> {
    const clusterKey = generateKey();
    const manager = await ResourceManager.start({
      config: resourceManagerConfig.parse({ config: { transport: 'shm://0', ...config } }),
      clusterKey,
      httpToken: undefined,
      nodes,
      version: '0.0.0',
      logger: silentLogger,
    });
    return new TestManager(clusterKey, manager);
  }

  get url(): string {
    return this.manager.url;
  }

  /** A client that has proven its credential, with the key of its session. */
  async client(
    tenant = 'alice',
    key?: Uint8Array,
  ): Promise<{ readonly peer: TestPeer; readonly sessionKey: Uint8Array }> {
    const { peer, server } = await TestPeer.authenticate(this.url, {
      role: 'client-to-resource-manager',
      name: tenant,
      key: key ?? deriveTenantCredential(this.clusterKey, tenant),
    });
    return { peer, sessionKey: server.sessionKey };
  }

  /** An executor manager that has proven its key and is not registered yet. */
  async node(name: string, key?: Uint8Array): Promise<TestPeer> {
    const { peer } = await TestPeer.authenticate(this.url, {
      role: 'executor-manager-to-resource-manager',
      name,
      key: key ?? deriveNodeKey(this.clusterKey, name),
    });
    return peer;
  }

  /** An executor manager that is registered. */
  async registeredNode(name: string, cores = 4, incarnation = 1n): Promise<TestPeer> {
    const peer = await this.node(name);
    const answer = await peer.ask(registration(name, { cores, incarnation }));
    if (answer?.kind !== 'node-registered') {
      await peer[Symbol.asyncDispose]();
      throw new Error(`not registered: ${answer?.kind ?? 'disconnected'}`);
    }
    return peer;
  }

  /** What `GET path` answers. */
  async get(path: string): Promise<unknown> {
    const response = await fetch(new URL(path, this.manager.httpUrl));
    return response.json();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.manager.close();
  }
}

/** The message with which a node registers. */
export function registration(
  name: string,
  more: { readonly cores?: number; readonly incarnation?: bigint; readonly url?: string } = {},
): {
  kind: 'register-node';
  name: string;
  url: string;
  cores: number;
  memoryMiB: number;
  gpus: number;
  incarnation: bigint;
} {
  return {
    kind: 'register-node',
    name,
    url: 'shm://4711',
    cores: 4,
    memoryMiB: 1024,
    gpus: 0,
    incarnation: 1n,
    ...more,
  };
}
