import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Client, Lease, QueuePosition } from '@rfaas/client';
import { compileFunctionLibrary, type CompiledLibrary } from '../support/compile-function-library.ts';
import { LocalCluster } from '../support/local-cluster.ts';
import { until } from '../support/processes.ts';

let library: CompiledLibrary;

beforeAll(async () => {
  library = await compileFunctionLibrary({ file: 'test-functions.c' });
}, 60_000);

afterAll(async () => {
  await library?.[Symbol.asyncDispose]();
});

const warm = { hotTimeout: 0 } as const;

describe('a lease over several nodes', () => {
  let cluster: LocalCluster;
  let client: Client;
  beforeAll(async () => {
    cluster = await LocalCluster.start([
      { cores: 2 },
      { cores: 2 },
      { cores: 1, config: { labels: { arch: 'other' } } },
    ]);
    client = await cluster.connect();
  }, 60_000);
  afterAll(async () => {
    await client?.close();
    await cluster?.[Symbol.asyncDispose]();
  });

  test('has as many nodes as its cores need, and runs functions on all of them', async () => {
    await using lease = await client.lease({ cores: 4, memoryMiB: 512 });
    expect(lease.cores).toBe(4);
    expect(lease.nodes.length).toBeGreaterThan(1);
    await using group = await lease.allocateAll({ library: library.path }, warm);
    expect(group.threads).toBe(4);
    const inputs = Array.from({ length: 40 }, (_, index) => Uint8Array.of(index));
    expect(await group.map('echo', inputs)).toEqual(inputs);
    const pids = await group.map('process_id', inputs);
    expect(new Set(pids.map((bytes) => Buffer.from(bytes).toString('hex'))).size).toBe(lease.nodes.length);
    await group.deallocate();
    expect((await lease.release())?.invocations).toBe(80);
  }, 40_000);

  test('can be a number of nodes with so many cores each, or with certain labels', async () => {
    const two = await client.lease({ nodes: 2, coresPerNode: 2, memoryMiB: 64 });
    expect([...two.nodes].sort()).toEqual(['node-0', 'node-1']);
    await expect(client.lease({ cores: 2, memoryMiB: 64 })).rejects.toMatchObject({
      code: 'RFAAS_ERR_NO_CAPACITY',
    });
    const other = await client.lease({ cores: 1, memoryMiB: 64, labels: { arch: 'other' } });
    expect(other.nodes).toEqual(['node-2']);
    await other.release();
    await two.release();
  }, 30_000);

  test('is all or nothing, unless less is worth having', async () => {
    const all = { nodes: 4, coresPerNode: 1, memoryMiB: 64 };
    await expect(client.lease(all)).rejects.toMatchObject({ code: 'RFAAS_ERR_NO_CAPACITY' });
    const some = await client.lease({ ...all, atLeast: 2 });
    expect(some.nodes).toHaveLength(3);
    await some.release();
  }, 30_000);
});

describe('a lease for a short time', () => {
  let cluster: LocalCluster;
  beforeAll(async () => {
    cluster = await LocalCluster.start([{ cores: 1 }]);
  }, 60_000);
  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
  });

  test('is renewed by itself while it has an executor, in ever higher generations', async () => {
    await using client = await cluster.connect();
    const lease = await client.lease({ cores: 1, durationMs: 5000 });
    const executor = await lease.allocate({ library: library.path }, warm);
    const first = lease.expiry;
    await until('it was renewed twice', () => lease.generation >= 3);
    expect(lease.expiry.getTime()).toBeGreaterThan(first.getTime());
    await until('its first expiry is over', () => Date.now() > first.getTime() + 200);
    expect([...(await executor.invoke('echo', Uint8Array.of(5)))]).toEqual([5]);
    await lease.release();
  }, 30_000);

  test('that is not renewed ends at its node, after a warning, even without a resource manager', async () => {
    await using own = await LocalCluster.start([{ cores: 1 }]);
    await using client = await own.connect();
    const warnings: string[] = [];
    const onExpiryWarning = (_expiry: Date, reason: string): void => void warnings.push(reason);
    const lease = await client.lease({ cores: 1, durationMs: 5000, renew: false, onExpiryWarning });
    const executor = await lease.allocate({ library: library.path }, warm);
    own.resourceManager.kill('SIGKILL');
    expect(await executor.ended).toMatchObject({ code: 'RFAAS_ERR_LEASE_EXPIRED' });
    expect(warnings).toEqual(['expiring']);
  }, 30_000);
});

test('requests wait in the order of their tenant, hear of their position, and give up at their deadline', async () => {
  await using cluster = await LocalCluster.start([{ cores: 1 }]);
  await using client = await cluster.connect();
  const holder = await client.lease({ cores: 1 });
  const positions: (QueuePosition | string)[] = [];
  const wait = (name: string, timeoutMs: number): Promise<Lease> =>
    client.lease({
      cores: 1,
      queue: { timeoutMs, onPosition: ({ position }) => positions.push(`${name} ${position}`) },
    });
  const first = wait('first', 20_000);
  await until('the first waits', () => positions.includes('first 1'));
  const second = wait('second', 20_000);
  await until('the second waits', () => positions.includes('second 2'));
  await expect(wait('third', 300)).rejects.toMatchObject({ code: 'RFAAS_ERR_NO_CAPACITY' });
  await expect(client.lease({ cores: 1 })).rejects.toMatchObject({ code: 'RFAAS_ERR_NO_CAPACITY' });
  await holder.release();
  const granted = await first;
  await until('the second moved up', () => positions.includes('second 1'));
  await granted.release();
  await (await second).release();
  expect(positions).toEqual(['first 1', 'second 2', 'third 3', 'second 1']);
}, 40_000);

test('a tenant gets no more than it may, and its request waits until it may', async () => {
  await using cluster = await LocalCluster.create();
  await cluster.startResourceManager({ tenants: { tester: { cores: 2, core_seconds: 100_000 } } });
  await cluster.startNode('node-0', { cores: 4 });
  await using client = await cluster.connect();
  const lease = await client.lease({ cores: 2 });
  await expect(client.lease({ cores: 1 })).rejects.toMatchObject({ code: 'RFAAS_ERR_QUOTA' });
  await expect(client.lease({ cores: 3 })).rejects.toThrow(/may have 2 cores/);
  const waiting = client.lease({ cores: 1, queue: { timeoutMs: 20_000 } });
  await lease.release();
  await (await waiting).release();
  const long = { cores: 2, durationMs: 60_000_000 };
  await expect(client.lease(long)).rejects.toMatchObject({ code: 'RFAAS_ERR_QUOTA' });
}, 40_000);

test('a node that is told to stop lets its clients finish, and ends what does not', async () => {
  await using cluster = await LocalCluster.start([{ cores: 2, config: { drain_grace_ms: 1500 } }]);
  await using client = await cluster.connect();
  const warnings: string[] = [];
  const onExpiryWarning = (_expiry: Date, reason: string): void => void warnings.push(reason);
  const lease = await client.lease({ cores: 2, onExpiryWarning });
  const finishing = await lease.allocate({ library: library.path }, { ...warm, cores: 1 });
  const lingering = await lease.allocate({ library: library.path }, { ...warm, cores: 1 });
  cluster.node('node-0').kill('SIGTERM');
  await until('the client is warned', () => warnings.includes('draining'));
  expect([...(await finishing.invoke('echo', Uint8Array.of(1)))]).toEqual([1]);
  await finishing.deallocate();
  const refused = lease.allocate({ library: library.path }, { ...warm, cores: 1 });
  await expect(refused).rejects.toMatchObject({ code: 'RFAAS_ERR_NO_CAPACITY' });
  await expect(client.lease({ cores: 1 })).rejects.toMatchObject({ code: 'RFAAS_ERR_NO_CAPACITY' });
  expect(await lingering.ended).toMatchObject({ code: 'RFAAS_ERR_EXECUTOR_LOST' });
  expect(await cluster.node('node-0').exited).toEqual({ code: 0, signal: null });
}, 40_000);
