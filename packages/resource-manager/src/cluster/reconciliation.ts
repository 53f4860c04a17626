import type { LeaseEndReason, LeaseHeld } from '@rfaas/core';
import type { ClusterNode } from './executor-registry.ts';
import type { LeaseKeeper } from './lease-keeper.ts';
import { isTaken, type LeaseRecord, type LeaseShare } from './lease-record.ts';

/** A lease that a node is to end. */
export interface LeaseEnding {
  readonly leaseId: string;
  readonly reason: LeaseEndReason;
}

/** A node that has registered, and what it is to end. */
export interface RegistrationOutcome {
  readonly node: ClusterNode;
  readonly endings: readonly LeaseEnding[];
  /** Of a node that drains: how long its leases may still go on. */
  readonly graceMs: number;
}

/**
 * Brings together what is known of the leases of a node that has registered, and what the node says that it holds:
 *
 * - leases of its earlier starts are free, their executors ended with it;
 * - leases that ended meanwhile are ended there;
 * - what it holds and is not known here, or was given up already, is ended there, and takes its resources until it is.
 *
 * Returns what the node is to end.
 */
export function reconcile(
  node: ClusterNode,
  held: readonly LeaseHeld[],
  leases: LeaseKeeper,
): readonly LeaseEnding[] {
  const endings: LeaseEnding[] = [];
  for (const record of leases.table.onNode(node.name)) {
    const share = shareOn(record, node.name);
    if (share !== undefined && share.incarnation !== 0n && share.incarnation !== node.incarnation) {
      leases.free(record.leaseId, node.name, 'node-lost');
    } else if (share?.state === 'ending') {
      endings.push({ leaseId: record.leaseId, reason: record.ending ?? 'node-lost' });
    }
  }
  for (const lease of held) {
    const share = shareOn(leases.table.get(lease.leaseId), node.name);
    if (share === undefined || !isTaken(share)) {
      leases.adopt(lease, node);
      endings.push({ leaseId: lease.leaseId, reason: 'not-known' });
    }
  }
  return endings;
}

function shareOn(record: LeaseRecord | undefined, node: string): LeaseShare | undefined {
  return record?.shares.find((share) => share.node === node);
}
