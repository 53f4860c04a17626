import type { LeaseHeld } from '@rfaas/core';
import type { ClusterObserver } from '../../src/cluster/cluster-view.ts';

/** What a node does: it runs what clients have shown it, until it is told to end it or its own clock says so. */
export interface PlayedNode {
  readonly name: string;
  readonly cores: number;
  incarnation: bigint;
  isConnected: boolean;
  /** Counts its connections. */
  connection: number;
  readonly running: Map<string, LeaseHeld>;
  /** Leases that it has ended and not told the resource manager yet. */
  readonly ended: Set<string>;
}

/** A lease that a client was told of. */
export interface PlayedLease {
  readonly leaseId: string;
  expiry: number;
  readonly nodes: ReadonlyMap<string, bigint>;
  /** The client still wants it. */
  isWanted: boolean;
}

/** The nodes of a history, none of them connected. */
export function playedNodes(): readonly PlayedNode[] {
  return [2, 4, 8].map((cores, index) => ({
    name: `n${index}`,
    cores,
    incarnation: 1n,
    isConnected: false,
    connection: 0,
    running: new Map(),
    ended: new Set(),
  }));
}

/** The sum of numbers. */
export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Throws if a node runs leases of more cores than it has. */
export function checkNodes(nodes: readonly PlayedNode[]): void {
  for (const { name, cores, running } of nodes) {
    const busy = sum([...running.values()].map((lease) => lease.cores));
    if (busy > cores) throw new Error(`${name} runs leases of ${busy} cores on ${cores}`);
  }
}

/** Hears of the ends of leases only. */
export function endObserver(ended: ClusterObserver['ended']): ClusterObserver {
  const nothing = (): void => undefined;
  return {
    granted: nothing,
    refused: nothing,
    queued: nothing,
    renewed: nothing,
    ended,
    committed: nothing,
    nodeChanged: nothing,
  };
}

/** What is the same in every history. Times are in milliseconds. */
export const historyOptions = {
  policy: { kind: 'random' },
  maxLeaseMs: 1000,
  leaseSkewMs: 50,
  clientGraceMs: 400,
  nodeTimeoutMs: 300,
  maxQueued: 100,
  queuePatienceMs: 60_000,
  defaultLimits: {},
} as const;
