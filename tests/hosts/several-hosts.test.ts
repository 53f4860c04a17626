import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
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

function transportUnavailable(): string | null {
  try {
    void openTransport('libfabric+tcp://127.0.0.1:0').close();
    return null;
  } catch (error) {
    return (error as Error).message.replaceAll(/\s+/g, ' ');
  }
}

describeInLab(
  'a cluster on several hosts',
  () => {
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
      return `libfabric+tcp://${lab.host(host).address}:0`;
    }

    /** A client on a host, with a lease and an executor on each of the nodes, named after them. */
    async function clientOn(host: string, wanted: readonly string[]): Promise<RemoteClient> {
      const client = await RemoteClient.start(lab.host(host));
      clients.push(client);
      await client.call('connect', {
        resourceManager: cluster.resourceManager.url,
        tenant: cluster.tenant,
        credential: Buffer.from(cluster.credential).toString('hex'),
        peerTimeoutMs,
      });
      for (const node of wanted) {
        await leaseOnce(client, node);
        await client.call('allocate', node, node, { library: library.path }, { hotTimeout: 0 });
      }
      return client;
    }

    /** Leases a node whose only core may still be on its way back from the client before. */
    async function leaseOnce(client: RemoteClient, node: string): Promise<void> {
      for (let attempt = 0; ; attempt += 1) {
        const { error } = await client.outcome('lease', node, { cores: 1, node });
        if (error === undefined) return;
        if (error.code !== 'RFAAS_ERR_NO_CAPACITY' || attempt >= 500) throw new Error(error.message);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
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
      await until('node-0 is back', () => registrations('node-0') === 2, 30_000);
      // Its lease outlived the cut, and is the client's to give back.
      await client.call('close');
      const again = await clientOn('other', ['node-0']);
      expect(await again.call('invoke', 'node-0', 'echo', 'back')).toBe('back');
    }, 120_000);

    test('a client that is cut off is gone: its cores serve others', async () => {
      const client = await clientOn('client', ['node-1']);
      expect(await client.call('invoke', 'node-1', 'echo', 'here')).toBe('here');
      await lab.host('client').cut();
      try {
        await cluster.node('node-1').logged('"reason":"client-gone"');
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

    test('a synchronous call of a host that is cut off fails in time, too', async () => {
      const client = await clientOn('client', ['node-2']);
      const lost = client.outcome('hangSync', 'node-2');
      await lab.host('node-2').cut();
      try {
        const { error, milliseconds } = await lost;
        expect(error?.code).toBe('RFAAS_ERR_EXECUTOR_LOST');
        expect(milliseconds).toBeLessThan(peerTimeoutMs + slackMs);
      } finally {
        await lab.host('node-2').mend();
      }
      await until('node-2 is back', () => registrations('node-2') === 2, 30_000);
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

    function registrations(name: string): number {
      return cluster.resourceManager.log
        .split('\n')
        .filter((line) => line.includes('node registered') && line.includes(`"${name}"`)).length;
    }
  },
  transportUnavailable,
);
