import {
  generateId,
  refusalError,
  deriveNodeKey,
  deriveTenantCredential,
  generateKey,
  resourceManagerConfig,
  silentLogger,
  type MessageFields,
  type OutgoingMessage,
} from '@rfaas/core';
import type { NodeDescription } from '../../src/cluster/executor-registry.ts';
import { soleLeadership, type Leadership } from '../../src/leadership/leadership.ts';
import { ResourceManager } from '../../src/resource-manager.ts';
import { MemoryStore } from '../../src/store/memory-store.ts';
import type { StateStore } from '../../src/store/state-store.ts';
import { TestPeer } from './test-peer.ts';

/** What a resource manager of a test leaves to the next one. */
export interface TestState {
  readonly store: StateStore;
  /** Instead of a store that is held alone. */
  readonly leadership: Leadership;
  readonly clusterKey: Uint8Array;
}

/** A resource manager in this process, on shared memory and ports that the system chooses. */
export class TestManager implements AsyncDisposable {
  readonly clusterKey: Uint8Array;
  readonly manager: ResourceManager;

  private constructor(clusterKey: Uint8Array, manager: ResourceManager) {
    this.clusterKey = clusterKey;
    this.manager = manager;
  }

  static async start(
    config: object = {},
    nodes: readonly NodeDescription[] = [],
    { store = new MemoryStore(), leadership, clusterKey = generateKey() }: Partial<TestState> = {},
  ): Promise<TestManager> {
    const manager = await ResourceManager.start({
      config: resourceManagerConfig.parse({
        config: { transport: 'shm://0', client_grace_ms: 0, drain_grace_ms: 0, ...config },
      }),
      clusterKey,
      httpToken: undefined,
      nodes,
      version: '0.0.0',
      leadership: leadership ?? soleLeadership(store),
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

  /** A lease that a client gets, with all its nodes. */
  async lease(client: TestPeer, asked: OutgoingMessage): Promise<TestLease> {
    await client.send(asked, 1);
    return receiveLease(client);
  }

  /** What `GET path` answers. */
  async get(path: string): Promise<unknown> {
    return JSON.parse(await this.text(path));
  }

  /** The same as text. */
  async text(path: string): Promise<string> {
    const response = await fetch(new URL(path, this.manager.httpUrl));
    return response.text();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.manager.close();
  }
}

/** The message with which a node registers. */
export function registration(
  name: string,
  more: Partial<MessageFields<'register-node'>> = {},
): { readonly kind: 'register-node' } & MessageFields<'register-node'> {
  return {
    kind: 'register-node',
    name,
    url: 'shm://4711',
    cores: 4,
    memoryMiB: 1024,
    gpus: 0,
    incarnation: 1n,
    labels: '',
    oversubscription: 100,
    held: 0,
    ...more,
  };
}

/** A lease as a client hears of it. */
export interface TestLease {
  readonly granted: MessageFields<'lease-granted'>;
  readonly shares: readonly MessageFields<'lease-share'>[];
}

/** Takes the answer to a request for a lease; throws what it is refused with. */
export async function receiveLease(client: TestPeer): Promise<TestLease> {
  const shares: MessageFields<'lease-share'>[] = [];
  for (;;) {
    const message = await client.receive();
    if (message?.kind === 'lease-share') {
      shares.push(message);
    } else if (message?.kind === 'lease-granted') {
      return { granted: message, shares };
    } else {
      throw message?.kind === 'refused' ? refusalError(message) : new Error(`got ${String(message?.kind)}`);
    }
  }
}

/** The message with which a client asks for cores. */
export function leaseRequest(
  cores: number,
  more: Partial<MessageFields<'lease-request'>> = {},
): { readonly kind: 'lease-request' } & MessageFields<'lease-request'> {
  return {
    kind: 'lease-request',
    leaseId: generateId(),
    nodes: 0,
    cores,
    memoryMiB: 0,
    gpus: 0,
    atLeast: 0,
    durationMs: 60_000,
    queueMs: 0,
    node: '',
    labels: '',
    within: '',
    ...more,
  };
}
