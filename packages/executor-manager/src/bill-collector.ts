import type { UsageReport } from '@rfaas/core';

/** Who hears what leases cost and when they are over: the resource manager, or nobody. */
export interface BillCollector {
  /** A later report of the same allocation replaces an earlier one. */
  usageReported(report: UsageReport): void;
  /** Nothing of the lease is left on this node: its cores may be granted again. */
  leaseEnded(leaseId: string): void;
  /** No new allocations here, and what runs is ended after `graceMs`. */
  nodeLeaves(graceMs: number): void;
}
