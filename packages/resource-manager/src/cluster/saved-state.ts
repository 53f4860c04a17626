import type { Usage, UsageReport } from '@rfaas/core';
import type { TenantLimits } from './cluster-view.ts';
import type { ClusterNode } from './executor-registry.ts';
import type { LeaseDesk } from './lease-desk.ts';
import type { LeaseKeeper } from './lease-keeper.ts';
import type { LeaseRecord } from './lease-record.ts';
import type { NodeKeeper } from './node-keeper.ts';
import type { OwnerTable } from './owner-table.ts';
import type { QueuedLease } from './queued-lease.ts';
import type { WaitingRequest } from './tenants/lease-queue.ts';
import type { TenantQuotas } from './tenants/tenant-quotas.ts';
import type { Account } from './usage-ledger.ts';

/** What a cluster was when its process, or the one that led before it, ended. */
export interface SavedState {
  readonly nodes: readonly ClusterNode[];
  readonly leases: readonly LeaseRecord[];
  /** Of leases that hold something, by lease. */
  readonly reports: ReadonlyMap<string, readonly UsageReport[]>;
  /** In their order. */
  readonly queued: readonly WaitingRequest<QueuedLease>[];
  readonly limits: ReadonlyMap<string, TenantLimits>;
  /** Accounts that were closed not long ago. */
  readonly accounts: readonly Account[];
  /** What all earlier bills come to, by tenant. */
  readonly settled: ReadonlyMap<string, Usage>;
  /** Core-seconds of all leases that are over, by tenant. */
  readonly spent: ReadonlyMap<string, number>;
}

/** Where a saved state goes. */
export type RestoredParts = readonly [
  nodes: NodeKeeper,
  leases: LeaseKeeper,
  desk: LeaseDesk,
  owners: OwnerTable,
  quotas: TenantQuotas,
];

/** Makes everything as it was; nodes and clients have some time to come back. `now` is in milliseconds since 1970. */
export function restoreState(
  saved: SavedState,
  [nodes, leases, desk, owners, quotas]: RestoredParts,
  now: number,
): void {
  for (const [tenant, usage] of saved.settled) {
    leases.ledger.addSettled(tenant, usage);
  }
  for (const account of saved.accounts) {
    leases.ledger.restoreClosed(account);
  }
  for (const [tenant, limits] of saved.limits) {
    quotas.setLimits(tenant, limits);
  }
  for (const [tenant, coreSeconds] of saved.spent) {
    quotas.addSpent(tenant, coreSeconds);
  }
  for (const node of saved.nodes) {
    nodes.restore(node);
  }
  for (const record of saved.leases) {
    leases.restore(record, saved.reports.get(record.leaseId) ?? []);
    if (record.ending === undefined) {
      owners.orphan(record.leaseId, now);
    }
  }
  for (const request of saved.queued) {
    desk.restore(request);
    owners.orphan(request.id, now);
  }
}
