import type { LeaseEndReason, LeaseRequest, RfaasError } from '@rfaas/core';
import type { ClusterOptions, QueueWaiter } from '../../src/cluster/cluster-options.ts';
import { Cluster } from '../../src/cluster/cluster.ts';
import type { NodeDescription } from '../../src/cluster/executor-registry.ts';
import type { LeaseRecord } from '../../src/cluster/lease-record.ts';
import { seededRandom } from '../../src/cluster/placement/random.ts';
import type { SavedState } from '../../src/cluster/saved-state.ts';
import { forgetfulRows } from '../../src/store/durable-rows.ts';

/** A cluster with a clock that tests move and a record of what nodes and waiting clients were told. */
export interface TestCluster {
  readonly cluster: Cluster;
  readonly told: { node: string; leaseId: string; reason: LeaseEndReason }[];
  /** What nodes were told besides, and which were dismissed: `drain a 100`, `resume a`, `dismissed a`. */
  readonly news: string[];
  now: number;
}

export function testCluster(options: Partial<ClusterOptions> = {}, saved?: SavedState): TestCluster {
  const test: { now: number; told: TestCluster['told']; news: string[] } = {
    now: 1_000_000,
    told: [],
    news: [],
  };
  const cluster = new Cluster(
    {
      clock: () => test.now,
      random: seededRandom(1),
      policy: { kind: 'pack' },
      maxLeaseMs: 100_000,
      leaseSkewMs: 500,
      clientGraceMs: 0,
      nodeTimeoutMs: 2000,
      maxQueued: 100,
      queuePatienceMs: 60_000,
      defaultLimits: {},
      rows: forgetfulRows,
      events: {
        leaseEnd: (node, leaseId, reason) => void test.told.push({ node, leaseId, reason }),
        nodeDrain: (name, graceMs) => void test.news.push(`drain ${name} ${graceMs}`),
        nodeResume: (name) => void test.news.push(`resume ${name}`),
        nodeDismissed: (name) => void test.news.push(`dismissed ${name}`),
        changed: () => undefined,
      },
      ...options,
    },
    saved,
  );
  return Object.assign(test, { cluster });
}

export function node(name: string, cores = 4, memoryMiB = 1024, gpus = 0): NodeDescription {
  return { name, url: `shm://${name.length + 10_000}`, cores, memoryMiB, gpus };
}

let requests = 0;

export function request(cores: number, more: Partial<LeaseRequest> = {}): LeaseRequest {
  requests += 1;
  return {
    leaseId: requests.toString(16).padStart(32, '0'),
    nodes: 0,
    cores,
    memoryMiB: 0,
    gpus: 0,
    atLeast: 0,
    durationMs: 10_000,
    queueMs: 0,
    node: '',
    labels: '',
    within: '',
    ...more,
  };
}

/** Keeps what a waiting client was told: `granted`, an error's code, or its position. */
export class Waiter implements QueueWaiter {
  readonly heard: string[] = [];
  record: LeaseRecord | undefined;

  granted(record: LeaseRecord): void {
    this.record = record;
    this.heard.push('granted');
  }

  refused(error: RfaasError): void {
    this.heard.push(error.code);
  }

  moved(position: number, waiting: number): void {
    this.heard.push(`${position} of ${waiting}`);
  }
}

/** A lease that must be granted at once. */
export function granted(
  { cluster }: TestCluster,
  asked: LeaseRequest,
  tenant = 'alice',
  owner = 1,
): LeaseRecord {
  const outcome = cluster.request(tenant, owner, asked, new Waiter());
  if (outcome.kind !== 'granted') {
    throw new Error(`queued as ${outcome.position}`);
  }
  return outcome.record;
}
