import type { Clock, LeaseEndReason, RfaasError } from '@rfaas/core';
import type { RowSink } from '../store/durable-rows.ts';
import type { ClusterObserver, TenantLimits } from './cluster-view.ts';
import type { LeaseRecord } from './lease-record.ts';
import type { PlacementPolicy } from './placement/placement-policy.ts';
import type { Random } from './placement/random.ts';

/** What a cluster is made with: everything that is not decided by its own state. */
export interface ClusterOptions {
  /** Milliseconds since 1970, of a clock that does not jump. */
  readonly clock: Clock;
  /** The host's clock, which may be set: operators are shown times as it has them. Default: the other one. */
  readonly wallClock?: Clock | undefined;
  readonly random: Random;
  readonly policy: PlacementPolicy;
  readonly maxLeaseMs: number;
  /** How far clocks may be apart: a lease that no node has confirmed as ended is freed this long after its expiry. */
  readonly leaseSkewMs: number;
  /** How long leases are kept whose client is gone. */
  readonly clientGraceMs: number;
  /** A suspect node that does not come back within this is lost. */
  readonly nodeTimeoutMs: number;
  /** Requests that may wait at once. */
  readonly maxQueued: number;
  /** After waiting this long the first request of a tenant is passed by nobody. */
  readonly queuePatienceMs: number;
  /** Of tenants that have none of their own. */
  readonly defaultLimits: TenantLimits;
  readonly rows: RowSink;
  readonly events: ClusterEvents;
  readonly observer?: ClusterObserver | undefined;
}

/** What others must be told. Called in the middle of decisions: must not call back, nor throw. */
export interface ClusterEvents {
  /** A node is to end a lease. */
  leaseEnd(node: string, leaseId: string, reason: LeaseEndReason): void;
  /** A node is to take no new allocations and to end what runs after `graceMs`. */
  nodeDrain(node: string, graceMs: number): void;
  nodeResume(node: string): void;
  /** A node was silent for too long, or was forgotten: its connection is of no use any more. */
  nodeDismissed(node: string): void;
  /** `Cluster.nextDeadline` may have changed. */
  changed(): void;
}

/** Who waits for a request that was queued. Called in the middle of decisions: must not call back, nor throw. */
export interface QueueWaiter {
  granted(record: LeaseRecord): void;
  refused(error: RfaasError): void;
  moved(position: number, waiting: number): void;
}
