import { jest } from '@jest/globals';
import { silentLogger } from '@rfaas/core';
import type { Allocate, Lease, UsageReport } from '@rfaas/core';
import { openTransport } from '@rfaas/rdmalib';
import type { Transport } from '@rfaas/rdmalib';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AllocationTable } from '../src/allocation-table.ts';
import type { ExecutorSettings } from '../src/allocation-table.ts';
import { PlayedLauncher } from './played-launcher.ts';

export const hour = 3_600_000;

/** A table of four cores and 1000 MiB whose executors are played and whose timers are jest's, and what it told. */
export class TestTable {
  readonly table: AllocationTable;
  readonly launcher = new PlayedLauncher();
  readonly reports: UsageReport[] = [];
  readonly endedLeases: string[] = [];
  readonly warnings: string[] = [];
  /** What its monotonic clock shows. */
  nanoseconds = 0;
  readonly #directory = mkdtempSync(join(tmpdir(), 'rfaas-table-'));
  readonly #transport: Transport;

  constructor(executor: Partial<ExecutorSettings> = {}) {
    jest.useFakeTimers({ now: 0, doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
    this.#transport = openTransport(`shm://0?directory=${this.#directory}`);
    this.table = new AllocationTable({
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
        ...executor,
      },
      managerUrl: 'shm://1',
      peerTimeoutMs: 15_000,
      domain: this.#transport.openProtectionDomain(),
      launcher: this.launcher,
      bills: {
        usageReported: (report) => void this.reports.push(report),
        leaseEnded: (leaseId) => void this.endedLeases.push(leaseId),
        nodeLeaves: () => undefined,
      },
      logger: silentLogger,
      logLevel: 'info',
      now: () => Date.now(),
      monotonicNow: () => this.nanoseconds,
      onWarning: (leaseId) => void this.warnings.push(leaseId),
    });
  }

  async close(): Promise<void> {
    jest.useRealTimers();
    for (const executor of this.launcher.executors) {
      executor.exit(0);
    }
    await this.table.stop();
    await this.#transport.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** A lease of two cores and 500 MiB for an hour. */
export function lease(leaseId: string, options: Partial<Lease> = {}): Lease {
  const resources = { cores: 2, memoryMiB: 500, gpus: 0 };
  const validity = { generation: 1, notBefore: 0, expiry: hour, incarnation: 0n, keyId: 0 };
  return { leaseId, node: 'node', tenant: 'tenant', ...resources, ...validity, ...options };
}

/** A request for a native library on so many cores. */
export function request(cores: number, options: Partial<Allocate> = {}): Allocate {
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

/** What has been promised by now has happened. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}
