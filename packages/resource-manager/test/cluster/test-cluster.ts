import type { LeaseEndReason, LeaseRequest } from '@rfaas/core';
import { Cluster, type ClusterOptions } from '../../src/cluster/cluster.ts';
import type { NodeDescription } from '../../src/cluster/executor-registry.ts';

/** A cluster with a clock that tests move, predictable lease identifiers and a record of what nodes were told. */
export interface TestCluster {
  readonly cluster: Cluster;
  readonly told: { node: string; leaseId: string; reason: LeaseEndReason }[];
  now: number;
}

export function testCluster(options: Partial<ClusterOptions> = {}): TestCluster {
  let leases = 0;
  const test: { now: number; told: TestCluster['told'] } = { now: 1_000_000, told: [] };
  const cluster = new Cluster({
    clock: () => test.now,
    newLeaseId: () => (leases += 1).toString(16).padStart(32, '0'),
    maxLeaseMs: 100_000,
    leaseSkewMs: 500,
    onLeaseEnd: (node, leaseId, reason) => void test.told.push({ node, leaseId, reason }),
    ...options,
  });
  return Object.assign(test, { cluster });
}

export function node(name: string, cores = 4, memoryMiB = 1024, gpus = 0): NodeDescription {
  return { name, url: `shm://${name.length + 10_000}`, cores, memoryMiB, gpus };
}

export function request(cores: number, more: Partial<LeaseRequest> = {}): LeaseRequest {
  return { cores, memoryMiB: 0, gpus: 0, durationMs: 10_000, node: '', ...more };
}
