import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { silentLogger } from '@rfaas/core';
import type { Allocate, Lease, UsageReport } from '@rfaas/core';
import { openTransport } from '@rfaas/rdmalib';
import type { ProtectionDomain, Transport } from '@rfaas/rdmalib';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AllocationTable } from '../src/allocation-table.ts';
import { PlayedLauncher } from './played-launcher.ts';

const hour = 3_600_000;
let directory: string;
let transport: Transport;
let launcher: PlayedLauncher;
let table: AllocationTable;
let reports: UsageReport[];
let endedLeases: string[];
let warnings: string[];
let nanoseconds: number;

beforeEach(() => {
  jest.useFakeTimers({ now: 0, doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
  directory = mkdtempSync(join(tmpdir(), 'rfaas-table-'));
  transport = openTransport(`shm://0?directory=${directory}`);
  launcher = new PlayedLauncher();
  reports = [];
  endedLeases = [];
  warnings = [];
  nanoseconds = 0;
  table = newTable(transport.openProtectionDomain());
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

function newTable(domain: ProtectionDomain): AllocationTable {
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
    },
    managerUrl: 'shm://1',
    peerTimeoutMs: 15_000,
    domain,
    launcher,
    bills: {
      usageReported: (report) => void reports.push(report),
      leaseEnded: (leaseId) => void endedLeases.push(leaseId),
      nodeLeaves: () => undefined,
    },
    logger: silentLogger,
    logLevel: 'info',
    now: () => Date.now(),
    monotonicNow: () => nanoseconds,
    onWarning: (leaseId) => void warnings.push(leaseId),
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
    nanoseconds = 3e9;
    table.reportUsage();
    nanoseconds = 5e9;
    launcher.executors[0]?.exit(null, 'SIGSEGV');
    expect(await allocation.ended).toMatchObject({ reason: 'crashed', signal: 'SIGSEGV' });
    await settled();
    expect(reports.map(({ coreNanoseconds, final, sequence }) => [coreNanoseconds, final, sequence])).toEqual(
      [
        [6e9, false, 1],
        [10e9, true, 2],
      ],
    );
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
    expect(warnings).toEqual(['a']);
    jest.advanceTimersByTime(900);
    expect(endedLeases).toEqual([]);
    launcher.executors[0]?.exit(0);
    expect(await one.ended).toMatchObject({ reason: 'lease-expired', text: 'the lease expired' });
    await settled();
    expect(endedLeases).toEqual(['a']);
    expect(() => table.start(lease('a', { expiry: 9_000 }), request(1))).toThrow(/has ended \(expired\)/);
    const secret = launcher.executors[1]?.preparation.managerSecret ?? '';
    expect(table.find(other.executor.executorId, secret)).toBe(other.executor);
  });

  test('ends on the word of the resource manager, and only once nothing is left that is confirmed', async () => {
    table.start(lease('a'), request(1));
    table.start(lease('a'), request(1));
    table.endLease('a', 'released');
    launcher.executors[0]?.exit(0);
    await settled();
    expect(endedLeases).toEqual([]);
    launcher.executors[1]?.exit(0);
    await settled();
    expect(endedLeases).toEqual(['a']);
    expect(reports.filter(({ final }) => final)).toHaveLength(2);
    expect(() => table.start(lease('a'), request(1))).toThrow(/has ended \(released\)/);
  });

  test('that was never seen here is over at once', () => {
    table.endLease('unknown', 'node-removed');
    expect(endedLeases).toEqual(['unknown']);
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
  expect(reports.map(({ final }) => final)).toEqual([true]);
});
