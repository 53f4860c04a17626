import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { silentLogger } from '@rfaas/core';
import type { Allocate, Lease } from '@rfaas/core';
import { openTransport } from '@rfaas/rdmalib';
import type { ProtectionDomain, Transport } from '@rfaas/rdmalib';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AllocationTable } from '../src/allocation-table.ts';
import type { ExecutorSettings } from '../src/allocation-table.ts';
import { PlayedLauncher } from './played-launcher.ts';

const hour = 3_600_000;
let directory: string;
let transport: Transport;
let launcher: PlayedLauncher;
let table: AllocationTable;

beforeEach(() => {
  jest.useFakeTimers({ now: 0, doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
  directory = mkdtempSync(join(tmpdir(), 'rfaas-table-'));
  transport = openTransport(`shm://0?directory=${directory}`);
  launcher = new PlayedLauncher();
});

afterEach(async () => {
  jest.useRealTimers();
  for (const executor of launcher.executors) {
    executor.exit(0);
  }
  await table.stop();
  await transport.close();
  rmSync(directory, { recursive: true, force: true });
});

function newTable(domain: ProtectionDomain, change: Partial<ExecutorSettings> = {}): AllocationTable {
  return new AllocationTable({
    capacity: { cpus: [4, 5, 6, 7], memoryMiB: 1000, topology: new Map() },
    backgroundCpus: [0, 1],
    executor: {
      sandbox: 'process',
      pinThreads: true,
      modules: '/opt/modules',
      flushMs: 100,
      startTimeoutMs: 10_000,
      stopTimeoutMs: 1000,
      prewarmed: 0,
      prewarmedThreads: 1,
      keepWarmMs: 0,
      packageCache: undefined,
      packageCacheMiB: 1024,
      ...change,
    },
    managerUrl: 'shm://1',
    peerTimeoutMs: 15_000,
    domain,
    launcher,
    bills: {
      usageReported: () => undefined,
      leaseEnded: () => undefined,
      nodeLeaves: () => undefined,
    },
    logger: silentLogger,
    logLevel: 'info',
    now: () => Date.now(),
    monotonicNow: () => 0,
    onWarning: () => undefined,
  });
}

function lease(leaseId: string, options: Partial<Lease> = {}): Lease {
  const resources = { cores: 2, memoryMiB: 500, gpus: 0 };
  const validity = { generation: 1, notBefore: 0, expiry: hour, incarnation: 0n, keyId: 0 };
  return { leaseId, node: 'node', tenant: 'tenant', ...resources, ...validity, ...options };
}

function request(cores: number, options: Partial<Allocate> = {}): Allocate {
  return {
    token: new Uint8Array(),
    cores,
    memoryMiB: 100,
    clientUrl: 'shm://2',
    secret: '0a'.repeat(16),
    packageKind: 'native',
    sha256: '0b'.repeat(32),
    packageBytes: 100,
    packageName: 'lib.so',
    hotTimeoutMs: 5,
    slots: 4,
    inputBytes: 4096,
    outputBytes: 4096,
    ...options,
  };
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('prewarmed executors', () => {
  beforeEach(() => {
    table = newTable(transport.openProtectionDomain(), { prewarmed: 2, prewarmedThreads: 1 });
    table.prewarm();
  });

  test('are started away from the leased cores, for nobody', () => {
    expect(launcher.executors).toHaveLength(1);
    expect(launcher.executors[0]?.cpus).toEqual([0, 1]);
    expect(launcher.executors[0]?.preparation).toMatchObject({ threads: 1, slots: 8, inputBytes: 1_048_576 });
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
