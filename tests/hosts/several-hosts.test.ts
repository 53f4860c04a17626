import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { LeaseOptions } from '@rfaas/client';
import { openTransport } from '@rfaas/rdmalib';

import { compileFunctionLibrary, type CompiledLibrary } from '../support/compile-function-library.ts';
import { LocalCluster } from '../support/local-cluster.ts';
import { until } from '../support/processes.ts';
import { describeInLab } from './describe-in-lab.ts';
import { HostLab } from './lab/host-lab.mjs';
import { RemoteClient } from './remote-client.ts';

/** After so long a silence a host counts as lost, for everybody here. */
const peerTimeoutMs = 2_000;

/** What a busy machine may add to the time-out; TCP itself would take minutes. */
const slackMs = 5_000;

const nodes = ['node-0', 'node-1', 'node-2'];

function transportUnavailable(kind: string): string | null {
  try {
    void openTransport(`${kind}://127.0.0.1:0`).close();
    return null;
  } catch (error) {
    return (error as Error).message.replaceAll(/\s+/g, ' ');
  }
}

// Connected endpoints, and one datagram endpoint for all peers.
describe.each(['libfabric+tcp', 'libfabric+tcp;ofi_rxm'])('%s', (kind) => {
  describeInLab(
    'a cluster on several hosts',
    () => severalHosts(kind),
    () => transportUnavailable(kind),
  );
});

function severalHosts(kind: string): void {
  let lab: HostLab;
  let library: CompiledLibrary;
  let cluster: LocalCluster;
  const clients: RemoteClient[] = [];

  beforeAll(async () => {
    library = await compileFunctionLibrary({ file: 'test-functions.c' });
    lab = await HostLab.create(['manager', ...nodes, 'client', 'other']);
    cluster = await LocalCluster.create();
    await startServers();
  }, 60_000);

  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
    await lab?.[Symbol.asyncDispose]();
    await library?.[Symbol.asyncDispose]();
  }, 60_000);

  async function startServers(): Promise<void> {
    const manager = lab.host('manager');
    await cluster.startResourceManager(
      {
        transport: urlOf('manager'),
        node_timeout_ms: peerTimeoutMs,
        peer_timeout_ms: peerTimeoutMs,
      },
      manager.prefix,
    );
    const config = { peer_timeout_ms: peerTimeoutMs };
    await Promise.all(
      nodes.map((name) =>
        cluster.startNode(name, {
          cores: 1,
          config: { ...config, transport: urlOf(name) },
          through: lab.host(name).prefix,
        }),
      ),
    );
  }

  afterEach(async () => {
    for (const client of clients.splice(0)) await client[Symbol.asyncDispose]();
  }, 60_000);

  function urlOf(host: string): string {
    return `${kind}://${lab.host(host).address}:0`;
  }

  /** A client on a host, with a lease and an executor on each of the nodes, named after them. */
  async function clientOn(host: string, wanted: readonly string[]): Promise<RemoteClient> {
    const client = await RemoteClient.start(lab.host(host));
    clients.push(client);
    await connect(client);
    for (const node of wanted) {
      await leaseOnce(client, node, { cores: 1, node });
      await client.call('allocate', node, node, { library: library.path }, { hotTimeout: 0 });
    }
    return client;
  }

  async function connect(client: RemoteClient): Promise<void> {
    await client.call('connect', {
      resourceManager: cluster.resourceManager.url,
      tenant: cluster.tenant,
      credential: Buffer.from(cluster.credential).toString('hex'),
      peerTimeoutMs,
    });
  }

  /** Leases nodes whose only cores may still be on their way back from the client before. */
  async function leaseOnce(client: RemoteClient, name: string, options: LeaseOptions): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      const { error } = await client.outcome('lease', name, options);
      if (error === undefined) return;
      if (error.code !== 'RFAAS_ERR_NO_CAPACITY' || attempt >= 500) throw new Error(error.message);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  function registrations(name: string): number {
    return cluster.resourceManager.log
      .split('\n')
      .filter((line) => line.includes('node registered') && line.includes(`"${name}"`)).length;
  }

  test('leases on three nodes serve a client on a fourth host', async () => {
    const client = await clientOn('client', nodes);
    const texts = await Promise.all(nodes.map((node) => client.call('invoke', node, 'echo', `to ${node}`)));
    expect(texts).toEqual(nodes.map((node) => `to ${node}`));
    expect(await client.call('echoBytes', 'node-1', 60_000)).toBe(true);
    await client.call('close');
  }, 60_000);

  test('a host that is cut off fails its invocations in time; the others go on, and it comes back', async () => {
    const client = await clientOn('client', nodes.slice(0, 2));
    const other = await clientOn('other', ['node-2']);
    const lost = client.outcome('invoke', 'node-0', 'never_return', '');
    const ended = client.outcome('ended', 'node-0');
    expect(await client.call('invoke', 'node-1', 'echo', 'before')).toBe('before');
    const before = registrations('node-0');
    await lab.host('node-0').cut();
    const cutAt = performance.now();
    try {
      const { error } = await lost;
      expect(performance.now() - cutAt).toBeLessThan(peerTimeoutMs + slackMs);
      expect(error?.code).toBe('RFAAS_ERR_EXECUTOR_LOST');
      expect(error?.message).toMatch(/node-0 .*(nothing was heard|connection)/);
      expect((await ended).result).toMatch(/node-0/);
      expect(await client.call('invoke', 'node-1', 'echo', 'after')).toBe('after');
      expect(await other.call('invoke', 'node-2', 'echo', 'after')).toBe('after');
      await cluster.resourceManager.logged('node gone');
      const refused = await other.outcome('lease', 'again', { cores: 1, node: 'node-0' });
      expect(refused.error?.code).toMatch(/NODE_UNKNOWN|NO_CAPACITY/);
    } finally {
      await lab.host('node-0').mend();
    }
    await until('node-0 is back', () => registrations('node-0') > before, 30_000);
    // Its lease outlived the cut, and is the client's to give back.
    await client.call('close');
    const again = await clientOn('other', ['node-0']);
    expect(await again.call('invoke', 'node-0', 'echo', 'back')).toBe('back');
  }, 120_000);

  test('one lease on three hosts: one is cut off amid an invocation, the others go on, and it comes back', async () => {
    const client = await RemoteClient.start(lab.host('client'));
    clients.push(client);
    await connect(client);
    await leaseOnce(client, 'all', { nodes: nodes.length, coresPerNode: 1 });
    for (const node of nodes) {
      await client.call('allocate', node, 'all', { library: library.path }, { hotTimeout: 0, node });
    }
    const invokeAll = (on: readonly string[], text: string): Promise<unknown[]> =>
      Promise.all(on.map((node) => client.call('invoke', node, 'echo', `${text} ${node}`)));
    expect(await invokeAll(nodes, 'to')).toEqual(nodes.map((node) => `to ${node}`));
    const [cut = '', ...others] = nodes.toReversed();
    const before = registrations(cut);
    const lost = client.outcome('invoke', cut, 'never_return', '');
    await lab.host(cut).cut();
    const cutAt = performance.now();
    try {
      // They answer while the lost one is still waited for, and after.
      expect(await invokeAll(others, 'during')).toEqual(others.map((node) => `during ${node}`));
      const { error } = await lost;
      expect(performance.now() - cutAt).toBeLessThan(peerTimeoutMs + slackMs);
      expect(error?.code).toBe('RFAAS_ERR_EXECUTOR_LOST');
      expect(await invokeAll(others, 'after')).toEqual(others.map((node) => `after ${node}`));
    } finally {
      await lab.host(cut).mend();
    }
    await until(`${cut} is back`, () => registrations(cut) > before, 30_000);
    expect(await invokeAll(others, 'still')).toEqual(others.map((node) => `still ${node}`));
    await client.call('close');
    const again = await clientOn('other', [cut]);
    expect(await again.call('invoke', cut, 'echo', 'back')).toBe('back');
  }, 120_000);

  test('a synchronous call of a host that is cut off fails in time, too', async () => {
    const client = await clientOn('client', ['node-2']);
    const lost = client.outcome('hangSync', 'node-2');
    const before = registrations('node-2');
    await lab.host('node-2').cut();
    try {
      const { error, milliseconds } = await lost;
      expect(error?.code).toBe('RFAAS_ERR_EXECUTOR_LOST');
      expect(milliseconds).toBeLessThan(peerTimeoutMs + slackMs);
    } finally {
      await lab.host('node-2').mend();
    }
    await until('node-2 is back', () => registrations('node-2') > before, 30_000);
  }, 60_000);

  test('a client that is cut off is gone: its cores serve others', async () => {
    const client = await clientOn('client', ['node-1']);
    expect(await client.call('invoke', 'node-1', 'echo', 'here')).toBe('here');
    await lab.host('client').cut();
    try {
      // Whoever misses the client first: the node itself, or the resource manager, which then ends the lease.
      const ended = /"reason":"client-gone"|"text":"the lease was ended"/;
      await until('the executor is ended', () => ended.test(cluster.node('node-1').log), 20_000);
      const other = await clientOn('other', ['node-1']);
      expect(await other.call('invoke', 'node-1', 'echo', 'mine')).toBe('mine');
    } finally {
      await lab.host('client').mend();
    }
    const { error } = await client.outcome('invoke', 'node-1', 'echo', 'late');
    expect(error?.code).toBe('RFAAS_ERR_EXECUTOR_LOST');
  }, 120_000);

  test('a client that waits synchronously for longer than the time-out is not taken for gone', async () => {
    const client = await clientOn('client', ['node-0']);
    expect(await client.call('sleepSync', 'node-0', 2 * peerTimeoutMs)).toBe(4);
    expect(await client.call('invoke', 'node-0', 'echo', 'still here')).toBe('still here');
  }, 60_000);

  test('slow and lossy cables make it slow, and nothing is lost', async () => {
    await lab.host('node-0').impair({ delayMs: 10, lossPercent: 2 });
    await lab.host('client').impair({ delayMs: 5, lossPercent: 1 });
    try {
      const client = await clientOn('client', ['node-0']);
      for (let index = 0; index < 20; index += 1) {
        expect(await client.call('invoke', 'node-0', 'echo', `${index}`)).toBe(`${index}`);
      }
      expect(await client.call('echoBytes', 'node-0', 60_000)).toBe(true);
      await client.call('close');
    } finally {
      await lab.host('node-0').restore();
      await lab.host('client').restore();
    }
  }, 120_000);
}
