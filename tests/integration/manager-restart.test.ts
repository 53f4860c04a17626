import { openSync, writeSync, closeSync, readFileSync, statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Client, Lease } from '@rfaas/client';
import { parseTransportUrl } from '@rfaas/rdmalib';
import { etcdObstacle, LocalEtcd } from '../../benchmarks/src/programs/local-etcd.ts';
import { compileFunctionLibrary, type CompiledLibrary } from '../support/compile-function-library.ts';
import { LocalCluster } from '../support/local-cluster.ts';
import { until } from '../support/processes.ts';

let library: CompiledLibrary;
let etcd: LocalEtcd | undefined;
let prefixes = 0;

beforeAll(async () => {
  library = await compileFunctionLibrary({ file: 'test-functions.c' });
  if (etcdObstacle === undefined) etcd = await LocalEtcd.start();
}, 60_000);

afterAll(async () => {
  await library?.[Symbol.asyncDispose]();
  await etcd?.[Symbol.asyncDispose]();
});

interface StoreKind {
  readonly name: string;
  readonly obstacle: string | undefined;
  /** What the resource manager is told of it. */
  readonly config: () => Readonly<Record<string, unknown>>;
}

const sqlite: StoreKind = { name: 'sqlite', obstacle: undefined, config: () => ({}) };
const kinds: readonly StoreKind[] = [
  sqlite,
  {
    name: 'etcd',
    obstacle: etcdObstacle,
    config: () => {
      prefixes += 1;
      const { endpoints } = etcd!;
      return { store: 'etcd', etcd: { endpoints, prefix: `restart-${prefixes}`, lease_seconds: 2 } };
    },
  },
];

/** A cluster whose resource manager may be killed and started again at the same address. */
async function lastingCluster(
  cores: number,
  store = sqlite,
  clientGraceMs = 15_000,
): Promise<{
  readonly cluster: LocalCluster;
  readonly kill: () => Promise<void>;
  readonly start: () => Promise<void>;
}> {
  const cluster = await LocalCluster.create();
  const lasting = { client_grace_ms: clientGraceMs, ...store.config() };
  const { url } = await cluster.startResourceManager(lasting);
  const config = { transport: `shm://${parseTransportUrl(url).port}`, ...lasting };
  await cluster.startNode('node-0', { cores });
  return {
    cluster,
    kill: async () => {
      cluster.resourceManager.kill('SIGKILL');
      await cluster.resourceManager.exited;
    },
    start: async () => void (await cluster.startResourceManager(config)),
  };
}

for (const kind of kinds) {
  const title = `with the state in ${kind.name}`;
  const isThere = kind.obstacle === undefined;
  (isThere ? describe : describe.skip)(isThere ? title : `${title}: ${kind.obstacle}`, () => {
    test('after a kill leases go on, bills go on, no core is granted twice and none is lost', async () => {
      const { cluster, kill, start } = await lastingCluster(2, kind);
      await using _files = cluster;
      await using client = await cluster.connect();
      const lease = await client.lease({ cores: 1 });
      const executor = await lease.allocate({ library: library.path }, { hotTimeout: 0 });
      await executor.invoke('echo', Uint8Array.of(1));
      await until('the first report is stored', () => cluster.resourceManager.log.includes('lease granted'));
      await kill();
      // Nobody is needed for an invocation.
      expect([...(await executor.invoke('echo', Uint8Array.of(2)))]).toEqual([2]);
      await start();
      await cluster.resourceManager.logged('lease attached');
      await cluster.resourceManager.logged('node registered');
      await expect(client.lease({ cores: 2 })).rejects.toMatchObject({ code: 'RFAAS_ERR_NO_CAPACITY' });
      expect((await lease.renew()).getTime()).toBeGreaterThan(Date.now());
      await executor.invoke('echo', Uint8Array.of(3));
      await executor.deallocate();
      expect(await lease.release()).toMatchObject({ allocations: 1, invocations: 3 });
      const all = await client.lease({ cores: 2 });
      await all.release();
    }, 60_000);

    test('a client that is gone for good leaves its cores to others, also over a restart', async () => {
      const { cluster, kill, start } = await lastingCluster(1, kind, 2_000);
      await using _files = cluster;
      const gone = await cluster.connect();
      await gone.lease({ cores: 1 });
      await kill();
      await gone.close();
      await start();
      await using client = await cluster.connect();
      const lease = await client.lease({ cores: 1, queue: { timeoutMs: 40_000 } });
      expect(lease.cores).toBe(1);
    }, 80_000);

    test('killed again and again while clients lease and release, it loses and doubles nothing', async () => {
      const { cluster, kill, start } = await lastingCluster(3, kind);
      await using _files = cluster;
      await using client = await cluster.connect();
      const stop = new AbortController();
      let held = 0;
      let most = 0;
      let rounds = 0;
      const worker = async (): Promise<void> => {
        while (!stop.signal.aborted) {
          const lease: Lease = await client.lease({ cores: 1, memoryMiB: 64, queue: { timeoutMs: 30_000 } });
          held += 1;
          most = Math.max(most, held);
          rounds += 1;
          await new Promise((resolve) => setImmediate(resolve));
          held -= 1;
          await lease.release();
        }
      };
      const workers = Array.from({ length: 6 }, worker);
      for (let round = 0; round < 5; round += 1) {
        const before = rounds;
        await until('leases are granted', () => rounds > before + 20, 20_000);
        await kill();
        await start();
      }
      stop.abort();
      await Promise.all(workers);
      expect(most).toBeLessThanOrEqual(3);
      await everythingIsFree(client, 3);
    }, 120_000);
  });
}

async function everythingIsFree(client: Client, cores: number): Promise<void> {
  const all = await client.lease({ cores, memoryMiB: 64, queue: { timeoutMs: 30_000 } });
  expect(all.cores).toBe(cores);
  await all.release();
}

test('a damaged state is not used: the message says what to do, and the file stays as it is', async () => {
  const { cluster, kill, start } = await lastingCluster(1);
  await using _files = cluster;
  await using client = await cluster.connect();
  await (await client.lease({ cores: 1 })).release();
  await cluster.resourceManager.stop();
  const file = cluster.files.path('state.db');
  const descriptor = openSync(file, 'r+');
  writeSync(descriptor, Buffer.alloc(statSync(file).size - 200, 0x5a), 0, undefined, 100);
  closeSync(descriptor);
  const damaged = readFileSync(file);
  await expect(start()).rejects.toThrow(
    /status 1[\s\S]*state\.db[\s\S]*Restore a backup[\s\S]*RFAAS_ERR_STORE/,
  );
  expect(readFileSync(file).equals(damaged)).toBe(true);
  await kill();
}, 60_000);

test('two resource managers cannot use one state', async () => {
  const { cluster } = await lastingCluster(1);
  await using _files = cluster;
  await expect(cluster.startResourceManager()).rejects.toThrow(/in use by another process/);
}, 40_000);
