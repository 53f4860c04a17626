import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { AllocationTable } from '../src/allocation-table.ts';
import type { PlayedLauncher } from './played-launcher.ts';
import { hour, lease, request, settled, TestTable } from './test-table.ts';

let world: TestTable;
let launcher: PlayedLauncher;
let table: AllocationTable;

beforeEach(() => {
  world = new TestTable();
  ({ launcher, table } = world);
});

afterEach(async () => world.close());

describe('an allocation', () => {
  test('is started on the cores that it got, with what the client asked for', () => {
    const { allocationId } = table.start(lease('a'), request(2));
    const [executor] = launcher.executors;
    expect(executor?.preparation).toMatchObject({ threads: 2, slots: 4, modulesDirectory: '/opt/modules' });
    expect(executor?.preparation.managerSecret).toMatch(/^[0-9a-f]{32}$/);
    expect(executor?.cpus).toEqual([4, 5]);
    expect(executor?.assignments).toHaveLength(1);
    expect(executor?.assignments[0]).toMatchObject({
      allocationId,
      cpus: [4, 5],
      threads: 2,
      secret: '0a'.repeat(16),
      hotTimeoutMs: 5,
      pinThreads: true,
      peerTimeoutMs: 15_000,
    });
  });

  test('has an executor that is known by its id and its own secret only', () => {
    const one = table.start(lease('a'), request(1));
    table.start(lease('a'), request(1));
    const [first = '', second = ''] = launcher.executors.map(({ preparation }) => preparation.managerSecret);
    expect(first).not.toBe(second);
    expect(table.find(one.executor.executorId, first)).toBe(one.executor);
    expect(table.find(one.executor.executorId, second)).toBeUndefined();
    expect(table.find('00'.repeat(16), first)).toBeUndefined();
  });

  test('is told to a resource manager that asks which leases hold what here, with the GPUs of the lease', () => {
    table.start(lease('a', { gpus: 2 }), request(1));
    table.start(lease('a', { gpus: 2 }), request(1));
    const told = { tenant: 'tenant', generation: 1, expiry: hour };
    expect(table.held()).toEqual([{ leaseId: 'a', cores: 2, memoryMiB: 200, gpus: 2, ...told }]);
  });

  test('gives its cores back when it has ended, and is billed to the end', async () => {
    const allocation = table.start(lease('a'), request(2));
    expect(() => table.start(lease('a'), request(1))).toThrow(/the lease has 2, of which 2 are allocated/);
    world.nanoseconds = 3e9;
    table.reportUsage();
    world.nanoseconds = 5e9;
    launcher.executors[0]?.exit(null, 'SIGSEGV');
    expect(await allocation.ended).toMatchObject({ reason: 'crashed', signal: 'SIGSEGV' });
    await settled();
    expect(
      world.reports.map(({ coreNanoseconds, final, sequence }) => [coreNanoseconds, final, sequence]),
    ).toEqual([
      [6e9, false, 1],
      [10e9, true, 2],
    ]);
    table.start(lease('a'), request(2));
    expect(launcher.executors[1]?.assignments[0]?.cpus).toEqual([4, 5]);
  });

  test('that asks for impossible numbers takes nothing', () => {
    expect(() => table.start(lease('a'), request(2, { slots: 3 }))).toThrow(/power of two/);
    expect(() => table.start(lease('a'), request(0))).toThrow(/at least 1 is needed/);
    expect(launcher.executors).toHaveLength(0);
    table.start(lease('a'), request(2));
  });

  test('that does not get ready in time has failed to start', async () => {
    const allocation = table.start(lease('a'), request(1));
    jest.advanceTimersByTime(9_999);
    expect(launcher.executors[0]?.kills).toBe(0);
    jest.advanceTimersByTime(1);
    expect(await allocation.ended).toMatchObject({
      reason: 'start-failed',
      text: 'the executor did not get ready within 10000 ms',
    });
  });

  test('that does not end in time is killed, and the reason stays what it was', async () => {
    const allocation = table.start(lease('a'), request(1));
    allocation.end('deallocated');
    allocation.end('client-gone');
    jest.advanceTimersByTime(999);
    expect(launcher.executors[0]?.kills).toBe(0);
    jest.advanceTimersByTime(1);
    expect(await allocation.ended).toMatchObject({ reason: 'deallocated', signal: 'SIGKILL' });
  });
});

describe('a lease', () => {
  test('is warned of, and ends with everything under it when it expires', async () => {
    const one = table.start(lease('a', { expiry: 9_000 }), request(1));
    const other = table.start(lease('b'), request(1));
    jest.advanceTimersByTime(8_100);
    expect(world.warnings).toEqual(['a']);
    jest.advanceTimersByTime(900);
    expect(world.endedLeases).toEqual([]);
    launcher.executors[0]?.exit(0);
    expect(await one.ended).toMatchObject({ reason: 'lease-expired', text: 'the lease expired' });
    await settled();
    expect(world.endedLeases).toEqual(['a']);
    expect(() => table.start(lease('a', { expiry: 9_000 }), request(1))).toThrow(/has ended \(expired\)/);
    const secret = launcher.executors[1]?.preparation.managerSecret ?? '';
    expect(table.find(other.executor.executorId, secret)).toBe(other.executor);
  });

  test('is watched by the clock that verified its token, though that is set meanwhile', async () => {
    const hour = 3_600_000;
    const one = table.start(lease('a', { expiry: 2_000 }), request(1));
    const verified = Date.now();
    jest.setSystemTime(verified + hour);
    table.renew(lease('a', { expiry: 5_000 }), verified);
    jest.advanceTimersByTime(4_000);
    expect(world.warnings).toEqual([]);
    jest.advanceTimersByTime(1_000);
    expect(world.warnings).toEqual(['a']);
    launcher.executors[0]?.exit(0);
    expect(await one.ended).toMatchObject({ reason: 'lease-expired' });
  });

  test('ends on the word of the resource manager, and only once nothing is left that is confirmed', async () => {
    table.start(lease('a'), request(1));
    table.start(lease('a'), request(1));
    table.endLease('a', 'released');
    launcher.executors[0]?.exit(0);
    await settled();
    expect(world.endedLeases).toEqual([]);
    launcher.executors[1]?.exit(0);
    await settled();
    expect(world.endedLeases).toEqual(['a']);
    expect(world.reports.filter(({ final }) => final)).toHaveLength(2);
    expect(() => table.start(lease('a'), request(1))).toThrow(/has ended \(released\)/);
  });

  test('that was never seen here is over at once', () => {
    table.endLease('unknown', 'node-removed');
    expect(world.endedLeases).toEqual(['unknown']);
    expect(() => table.start(lease('unknown'), request(1))).toThrow(/node-removed/);
  });

  test('without allocations is left alone until it is used again', async () => {
    table.start(lease('a', { expiry: 9_000 }), request(1));
    launcher.executors[0]?.exit(0);
    await settled();
    jest.advanceTimersByTime(4_500);
    table.start(lease('a', { expiry: 9_000 }), request(1));
    jest.advanceTimersByTime(4_500);
    expect(launcher.executors[1]?.kills).toBe(0);
    jest.advanceTimersByTime(1000);
    expect(launcher.executors[1]?.kills).toBe(1);
  });
});

test('a node that stops ends everything, tells the last bills, and starts nothing more', async () => {
  const allocation = table.start(lease('a'), request(2));
  const stopping = table.stop();
  expect(() => table.start(lease('b'), request(1))).toThrow(/stopping/);
  launcher.executors[0]?.exit(0);
  expect(await allocation.ended).toMatchObject({ reason: 'manager-stopping' });
  await stopping;
  await settled();
  expect(world.reports.map(({ final }) => final)).toEqual([true]);
});
