import type { LeaseEndReason, Usage } from '@rfaas/core';
import type { DrainState, NodeDescription, NodeState } from './executor-registry.ts';
import type { Resources } from './placement/resources.ts';

/** A node and what is free on it. Times are milliseconds since 1970. */
export interface NodeView extends NodeDescription {
  readonly state: NodeState;
  readonly drain: DrainState;
  /** When the leases of a draining node are ended. */
  readonly drainDeadline: number | undefined;
  /** The start of its executor manager; 0 while that was not seen. */
  readonly incarnation: bigint;
  readonly free: Resources;
  /** Leases that hold something of it. */
  readonly leases: number;
  /** When it was heard of last; `undefined` if never. */
  readonly lastHeard: number | undefined;
}

/** What a lease holds on one node. */
export interface ShareView extends Resources {
  readonly node: string;
  /** Its node has confirmed that nothing runs there any more, or time has run out. */
  readonly freed: boolean;
}

/** A lease that holds something. Times are milliseconds since 1970. */
export interface LeaseView {
  readonly leaseId: string;
  readonly tenant: string;
  /** Counts up with each renewal. */
  readonly generation: number;
  readonly since: number;
  readonly expiry: number;
  /** Over all nodes. */
  readonly total: Resources;
  readonly shares: readonly ShareView[];
  /** Why it ends; `undefined` while it runs. */
  readonly ending: LeaseEndReason | undefined;
  readonly usage: Usage;
}

/** A request that waits for resources. Times are milliseconds since 1970. */
export interface QueuedView {
  readonly leaseId: string;
  readonly tenant: string;
  /** From 1, among the requests of its tenant: these are served in order. */
  readonly position: number;
  readonly since: number;
  /** When it is refused. */
  readonly deadline: number;
  readonly wanted: Resources;
  /** Nodes that are wanted; 0: as many as are needed. */
  readonly nodes: number;
}

/** What a tenant may have at most; what is not set is not limited. */
export interface TenantLimits {
  readonly cores?: number;
  readonly memoryMiB?: number;
  readonly leases?: number;
  /** Core-seconds in all, of leases that are over and of those that run. */
  readonly coreSeconds?: number;
}

/** A tenant that has, waits for, or has had leases. */
export interface TenantView {
  readonly tenant: string;
  readonly limits: TenantLimits;
  readonly held: Resources;
  readonly leases: number;
  readonly queued: number;
  /** Of all its leases, those that are over included. */
  readonly usage: Usage;
}

/** The bill of one lease. Times are milliseconds since 1970. */
export interface Bill {
  readonly leaseId: string;
  readonly tenant: string;
  readonly nodes: readonly string[];
  readonly leased: Resources;
  readonly start: number;
  /** `undefined` while its node has not confirmed the end: the bill may still grow. */
  readonly end: number | undefined;
  readonly reason: LeaseEndReason | undefined;
  readonly usage: Usage;
}

/** Which bills are wanted: those that ended in `[from, to)`, and open ones where `to` is not set. */
export interface BillQuery {
  readonly tenant?: string;
  readonly from?: number;
  readonly to?: number;
}

/** What there is now. Reading copies; it is meant for a few times a second. */
export interface ClusterReadings {
  nodes(): readonly NodeView[];
  leases(): readonly LeaseView[];
  queue(): readonly QueuedView[];
  tenants(): readonly TenantView[];
}

/** What the interfaces for operators read and do. */
export interface ClusterConsole extends ClusterReadings {
  /** In the order in which the leases ended, open ones last. */
  bills(query?: BillQuery): AsyncIterable<Bill>;
  /** @throws RfaasError `RFAAS_ERR_NODE_EXISTS` */
  addNode(description: NodeDescription): Promise<void>;
  /** No new leases on a node; what runs there is ended after `graceMs`. @throws RfaasError `RFAAS_ERR_NODE_UNKNOWN` */
  drainNode(name: string, graceMs: number): Promise<void>;
  /** Takes a node back into service. @throws RfaasError `RFAAS_ERR_NODE_UNKNOWN` */
  resumeNode(name: string): Promise<void>;
  /** Drains a node and forgets it when it is empty. @throws RfaasError `RFAAS_ERR_NODE_UNKNOWN` */
  removeNode(name: string, graceMs: number): Promise<void>;
  /** Ends a lease in its tenant's place. @throws RfaasError `RFAAS_ERR_LEASE_UNKNOWN` */
  endLease(leaseId: string): Promise<void>;
  /** Replaces the limits of a tenant. */
  setLimits(tenant: string, limits: TenantLimits): Promise<void>;
}

/** Hears what happens, for metrics and live views. Called in the middle of decisions: must not call back, nor throw. */
export interface ClusterObserver {
  /** A lease was granted, `waitedMs` after it was asked for (0 unless it was queued). */
  granted(lease: LeaseView, waitedMs: number): void;
  refused(tenant: string, code: string): void;
  queued(tenant: string): void;
  renewed(leaseId: string): void;
  /** A lease began to end. */
  ended(leaseId: string, reason: LeaseEndReason): void;
  /** The answer to a request became durable, so many nanoseconds after the decision. */
  committed(nanoseconds: number, rows: number): void;
  nodeChanged(name: string, state: NodeState, drain: DrainState): void;
}
