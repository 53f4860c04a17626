import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateId, type LeaseRequest } from '@rfaas/core';
import {
  Cluster,
  DurableRows,
  forgetfulRows,
  seededRandom,
  SqliteStore,
  type RowSink,
} from '@rfaas/resource-manager';
import { describeNode } from '../simulation/settings.ts';
import { measurement, type Benchmark } from './benchmark.ts';

const { hrtime } = process;
const NODES = 1000;
/** Leases that are asked for at the same time. */
const TOGETHER = 100;
const MAX_SAMPLES = 20_000;
const HOUR_MS = 3_600_000;

/** What granting a lease takes in a resource manager, without the connection to its client. */
export const grants: Benchmark = {
  name: 'grants',
  description: `granting and releasing leases on ${NODES} nodes: in memory, and stored on this machine's disk before the answer`,
  async run({ count, progress }) {
    const samples = Math.min(count, MAX_SAMPLES);
    progress.show('in memory');
    const inMemory = new GrantingCluster(forgetfulRows);
    inMemory.grantAndRelease(TOGETHER * 10);
    const perSecond = perSecondOf(samples, inMemory.grantAndRelease(samples));
    const directory = mkdtempSync(join(tmpdir(), 'rfaas-grants-'));
    try {
      const store = SqliteStore.open(join(directory, 'state.db'));
      const rows = new DurableRows(store);
      const durable = new GrantingCluster(rows);
      await rows.settled();
      progress.show('stored, one at a time');
      const alone = new Float64Array(Math.min(samples, 2000));
      for (let index = 0; index < alone.length; index += 1) {
        const start = hrtime.bigint();
        const leaseId = durable.grant();
        await rows.settled();
        alone[index] = Number(hrtime.bigint() - start);
        durable.release(leaseId);
        await rows.settled();
      }
      progress.show(`stored, ${TOGETHER} together`);
      const groups = Math.max(1, Math.floor(samples / TOGETHER));
      const time = await timed(async () => {
        for (let group = 0; group < groups; group += 1) {
          const leaseIds = Array.from({ length: TOGETHER }, () => durable.grant());
          await rows.settled();
          leaseIds.forEach((leaseId) => durable.release(leaseId));
        }
      });
      await rows.close();
      await store.close();
      return {
        settings: { samples, nodes: NODES, together: TOGETHER, directory: tmpdir() },
        measurements: [measurement('stored grant, one at a time', alone)],
        facts: {
          'grants in memory per second of one processor': perSecond,
          [`stored grants per second, ${TOGETHER} asked for together`]: perSecondOf(groups * TOGETHER, time),
        },
      };
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

/** A cluster whose nodes confirm the ends of leases at once. */
class GrantingCluster {
  readonly #cluster: Cluster;
  readonly #ended: [node: string, leaseId: string][] = [];

  constructor(rows: RowSink) {
    const nothing = (): void => undefined;
    this.#cluster = new Cluster({
      clock: () => Date.now(),
      random: seededRandom(1),
      policy: { kind: 'pack' },
      maxLeaseMs: HOUR_MS,
      leaseSkewMs: 0,
      clientGraceMs: 0,
      nodeTimeoutMs: HOUR_MS,
      maxQueued: 0,
      queuePatienceMs: 60_000,
      defaultLimits: {},
      rows,
      events: {
        leaseEnd: (node, leaseId) => void this.#ended.push([node, leaseId]),
        nodeDrain: nothing,
        nodeResume: nothing,
        nodeDismissed: nothing,
        changed: nothing,
      },
    });
    for (let number = 0; number < NODES; number += 1) {
      const { name, cores, memoryMiB, gpus } = describeNode(number);
      this.#cluster.register({ name, url: 'shm://1', cores, memoryMiB, gpus }, 1n);
    }
  }

  grant(): string {
    const request: LeaseRequest = {
      leaseId: generateId(),
      nodes: 0,
      cores: 4,
      memoryMiB: 64,
      gpus: 0,
      atLeast: 0,
      durationMs: HOUR_MS / 2,
      queueMs: 0,
      node: '',
      labels: '',
      within: '',
    };
    const nothing = (): void => undefined;
    this.#cluster.request('tenant', 1, request, { granted: nothing, refused: nothing, moved: nothing });
    return request.leaseId;
  }

  release(leaseId: string): void {
    this.#cluster.release('tenant', leaseId);
    for (const [node, ended] of this.#ended.splice(0)) this.#cluster.leaseEnded(node, ended);
  }

  /** Grants leases, {@link TOGETHER} at a time; returns the processor seconds of that, without those of the releases. */
  grantAndRelease(count: number): number {
    let microseconds = 0;
    for (let granted = 0; granted < count; granted += TOGETHER) {
      const before = process.cpuUsage();
      const leaseIds = Array.from({ length: TOGETHER }, () => this.grant());
      const { user, system } = process.cpuUsage(before);
      microseconds += user + system;
      leaseIds.forEach((leaseId) => this.release(leaseId));
    }
    return microseconds / 1e6;
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const start = hrtime.bigint();
  await work();
  return Number(hrtime.bigint() - start) / 1e9;
}

function perSecondOf(count: number, seconds: number): number {
  return Math.round(count / seconds);
}
