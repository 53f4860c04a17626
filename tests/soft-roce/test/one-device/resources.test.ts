import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Lease } from '@rfaas/client';
import { openTransport } from '@rfaas/rdmalib';
import { readdirSync, readFileSync } from 'node:fs';

import { compileFunctionLibrary, type CompiledLibrary } from '../../../support/compile-function-library.ts';
import { LocalCluster } from '../../../support/local-cluster.ts';
import { until } from '../../../support/processes.ts';
import { devices, run } from '../support/guest.ts';

const [device = ''] = devices;
let library: CompiledLibrary;

beforeAll(async () => {
  library = await compileFunctionLibrary({ file: 'test-functions.c' });
});

afterAll(async () => {
  await library?.[Symbol.asyncDispose]();
});

/** What all processes have of each device: protection domains, completion queues, queue pairs, regions, connections. */
function resources(): string {
  return run('rdma', 'resource', 'show');
}

function descriptors(pid: number | 'self'): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

function hardwareCounter(name: string): number {
  return Number(readFileSync(`/sys/class/infiniband/${device}/ports/1/hw_counters/${name}`, 'utf8'));
}

/** A device frees some of it only after the call that gave it back. */
async function expectResources(before: string): Promise<void> {
  await until('everything is given back', () => resources() === before).catch(() => undefined);
  expect(resources()).toBe(before);
}

test.each([
  // Together the fifty allocations that must leave nothing behind; a process that ends could not keep anything anyway.
  ['ten allocations of new executors', 10, {}],
  ['forty allocations of executors that are kept warm', 40, { keep_warm_ms: 600_000 }],
])(
  '%s leave nothing behind',
  async (_what, allocations, settings) => {
    // librdmacm keeps a context of each device as long as the process lives.
    await openTransport('verbs://').close();
    const before = resources();
    {
      await using cluster = await LocalCluster.single({ cores: 2, executor: settings });
      await using client = await cluster.connect();
      await using firstLease = await client.lease({ cores: 1 });
      await using secondLease = await client.lease({ cores: 1 });
      const processes = new Set<string>();
      const allocate = async (lease: Lease, count: number): Promise<void> => {
        for (let round = 0; round < count; round += 1) {
          await using executor = await lease.allocate({ library: library.path }, { hotTimeout: 0 });
          processes.add((await executor.invoke('process_id', Uint8Array.of())).join());
        }
      };
      const onBoth = (count: number): Promise<unknown> =>
        Promise.all([allocate(firstLease, count), allocate(secondLease, count)]);
      const { pid } = cluster.node('node-0');
      await onBoth(1);
      const afterFirst = resources();
      const [ours, theirs] = [descriptors('self'), descriptors(pid)];
      await onBoth(allocations / 2 - 1);
      await expectResources(afterFirst);
      await until('descriptors are back', () => descriptors('self') <= ours && descriptors(pid) <= theirs);
      expect(processes.size).toBe('keep_warm_ms' in settings ? 2 : allocations);
    }
    await expectResources(before);
  },
  600_000,
);

test('no invocation meets a receiver that is not ready', async () => {
  await using cluster = await LocalCluster.single({ cores: 1 });
  await using client = await cluster.connect();
  await using lease = await client.lease({ cores: 1 });
  for (const hotTimeout of [-1, 0]) {
    await using executor = await lease.allocate({ library: library.path }, { hotTimeout });
    const before = hardwareCounter('rcvd_rnr_err');
    for (let round = 0; round < 500; round += 1) executor.invokeSync('echo', Uint8Array.of(1, 2, 3));
    await Promise.all(Array.from({ length: 500 }, () => executor.invoke('echo', Uint8Array.of(4, 5))));
    expect(hardwareCounter('rcvd_rnr_err')).toBe(before);
  }
});
