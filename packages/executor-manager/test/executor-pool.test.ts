import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { AllocationTable } from '../src/allocation-table.ts';
import type { PlayedLauncher } from './played-launcher.ts';
import { lease, request, settled, TestTable } from './test-table.ts';

let world: TestTable;
let launcher: PlayedLauncher;
let table: AllocationTable;

beforeEach(() => {
  world = new TestTable({ prewarmed: 2, prewarmedThreads: 1 });
  ({ launcher, table } = world);
  table.prewarm();
});

afterEach(async () => world.close());

describe('prewarmed executors', () => {
  test('are started away from the leased cores, for nobody', () => {
    expect(launcher.executors).toHaveLength(1);
    expect(launcher.executors[0]?.cpus).toEqual([0, 1]);
    expect(launcher.executors[0]?.preparation).toMatchObject({
      ...{ threads: 1, slots: 8, inputBytes: 1_048_576, rehearses: true },
    });
    expect(launcher.executors[0]?.assignments).toEqual([]);
  });

  test('are claimed once, and moved to the cores of the claim', () => {
    const one = table.start(lease('a'), request(1));
    const other = table.start(lease('b'), request(1));
    expect(one.executor).not.toBe(other.executor);
    expect(launcher.executors[0]?.assignments.map(({ allocationId }) => allocationId)).toEqual([
      one.allocationId,
    ]);
    expect(launcher.executors[0]?.assignments[0]?.cpus).toEqual([4]);
    expect(launcher.executors[1]?.assignments[0]?.cpus).toEqual([5]);
  });

  test('are succeeded a moment after the client was served, and others do not rehearse', async () => {
    const one = table.start(lease('a'), request(1));
    const other = table.start(lease('b'), request(1));
    expect(launcher.executors[1]?.preparation).toMatchObject({ rehearses: false });
    launcher.executors[1]?.exit(1);
    await other.ended;
    await settled();
    expect(one.executor).toBeDefined();
    jest.advanceTimersByTime(49);
    expect(launcher.executors).toHaveLength(2);
    jest.advanceTimersByTime(1);
    expect(launcher.executors).toHaveLength(3);
    expect(launcher.executors[2]?.preparation).toMatchObject({ rehearses: true });
  });

  test('are not claimed by a request that is refused', () => {
    expect(() => table.start(lease('a'), request(3))).toThrow(/the lease has 2/);
    expect(() => table.start(lease('a'), request(1, { memoryMiB: 501 }))).toThrow(/MiB of memory/);
    expect(() =>
      table.start(lease('a'), request(1, { memoryMiB: 1, slots: 64, inputBytes: 65_536 })),
    ).toThrow(/the allocation has 1/);
    expect(launcher.executors[0]?.assignments).toEqual([]);
    expect(launcher.executors[0]?.kills).toBe(0);
  });

  test('that die are replaced, later and later', async () => {
    launcher.executors[0]?.exit(1);
    await settled();
    expect(launcher.executors).toHaveLength(1);
    jest.advanceTimersByTime(100);
    expect(launcher.executors).toHaveLength(2);
    launcher.executors[1]?.exit(null, 'SIGSEGV');
    await settled();
    jest.advanceTimersByTime(199);
    expect(launcher.executors).toHaveLength(2);
    jest.advanceTimersByTime(1);
    expect(launcher.executors).toHaveLength(3);
  });

  test('are gone when the node stops, and not started again', async () => {
    await table.stop();
    expect(launcher.executors.map(({ kills }) => kills)).toEqual([1]);
    jest.advanceTimersByTime(60_000);
    expect(launcher.executors).toHaveLength(1);
  });
});
