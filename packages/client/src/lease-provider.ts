import type { LeaseWarningReason, NodeLabels, RfaasError, Usage } from '@rfaas/core';
import type { ExecutorManagerSession, LeaseGrant, SessionListener } from './executor-manager-session.ts';
import type { Landing } from './landing.ts';

/** Where a request stands that waits for resources. */
export interface QueuePosition {
  /** From 1, among the requests of this tenant, which are served in order. */
  readonly position: number;
  /** Requests of all tenants that wait. */
  readonly waiting: number;
}

/** How a request waits for resources. */
export interface QueueOptions {
  /** How long to wait. */
  readonly timeoutMs: number;
  /** Called when the request is queued, and whenever its position changes. */
  readonly onPosition?: ((position: QueuePosition) => void) | undefined;
}

/**
 * What a client asks for: `cores` on as many nodes as are needed, or a number of `nodes` with `coresPerNode` each. Memory
 * and GPUs are those of the whole lease in the first case, of each node in the second.
 */
export interface LeaseOptions {
  /** Cores, at least 1, on as many nodes as are needed. */
  readonly cores?: number | undefined;
  /** A number of nodes instead of a number of cores. */
  readonly nodes?: number | undefined;
  /** Cores of each of so many nodes. */
  readonly coresPerNode?: number | undefined;
  /** Fewest cores, or nodes where a number of them is asked for, that are worth having. Default all or nothing. */
  readonly atLeast?: number | undefined;
  /** Memory in MiB for the executors of the lease, their slots included. Default 1024 for each core. */
  readonly memoryMiB?: number | undefined;
  /** How long the lease runs, and for how long it is renewed. Default one hour. */
  readonly durationMs?: number | undefined;
  /** Whether the lease is renewed by itself while it has executors. Default true. */
  readonly renew?: boolean | undefined;
  /** Waits for resources where there are none. Default: refused at once. */
  readonly queue?: QueueOptions | undefined;
  /** The node that is wanted. Default any. */
  readonly node?: string | undefined;
  /** Labels that nodes must have, such as `{ arch: 'arm64' }`. */
  readonly labels?: NodeLabels | undefined;
  /** The key of a label of which all nodes must have the same value, such as `rack`. */
  readonly within?: string | undefined;
  /** GPUs. Default 0. */
  readonly gpus?: number | undefined;
  /** How long the managers may take to answer, beside waiting in the queue. Default 10000. */
  readonly timeoutMs?: number | undefined;
  /** Gives up. */
  readonly signal?: AbortSignal | undefined;
  /** Called when the lease is about to end on a node: it was not renewed, or the node goes out of service. */
  readonly onExpiryWarning?: ((expiry: Date, reason: LeaseWarningReason) => void) | undefined;
}

/** {@link LeaseOptions} with every default filled in, and checked. */
export interface CompleteLeaseOptions {
  /** 0: as many as are needed. */
  readonly nodes: number;
  /** Of all nodes, or of each if their number is given; memory and GPUs likewise. */
  readonly cores: number;
  readonly memoryMiB: number;
  readonly gpus: number;
  /** 0: all or nothing. */
  readonly atLeast: number;
  readonly durationMs: number;
  readonly renew: boolean;
  readonly queueMs: number;
  readonly onPosition: ((position: QueuePosition) => void) | undefined;
  readonly node: string;
  /** As text. */
  readonly labels: string;
  readonly within: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** A lease as it is in force: what it has on each of its nodes. */
export interface GrantedLease {
  readonly leaseId: string;
  readonly generation: number;
  /** Milliseconds since 1970. */
  readonly expiry: number;
  /** At least one. */
  readonly shares: readonly LeaseGrant[];
}

/** What a provider tells of a lease unasked. */
export interface LeaseListener extends SessionListener {
  /** It was renewed, or found to be renewed. */
  leaseChanged(lease: GrantedLease): void;
  /** It is over, and its holder has not ended it. */
  leaseLost(error: RfaasError): void;
}

/** What there is already with the node of a lease. */
export interface ReachedNode {
  readonly session: ExecutorManagerSession;
  /** For the first executor. */
  readonly landing: Landing;
}

/** Where leases come from: a resource manager, or a node key in the client's own hands. */
export interface LeaseProvider {
  /** A lease, and what there is already with its node. */
  grant(
    options: CompleteLeaseOptions,
    listener: LeaseListener,
  ): Promise<{ readonly lease: GrantedLease; readonly reached: ReachedNode | undefined }>;
  /** The lease in its next generation, which ends so long from now. */
  renew(lease: GrantedLease, durationMs: number): Promise<GrantedLease>;
  /** What the lease has used, or undefined where nobody keeps the bill. */
  usage(leaseId: string): Promise<Usage | undefined>;
  /**
   * Gives the lease back; its usage, or undefined where nobody keeps the bill. `patienceMs`: how long to wait for a manager
   * that is away.
   */
  release(leaseId: string, patienceMs: number): Promise<Usage | undefined>;
  close(): Promise<void>;
}
