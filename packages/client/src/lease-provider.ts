import type { Usage } from '@rfaas/core';
import type { ExecutorManagerSession, LeaseGrant, SessionListener } from './executor-manager-session.ts';

/** What a client asks for. */
export interface LeaseOptions {
  /** Cores, at least 1. */
  readonly cores: number;
  /** Memory in MiB for the executors of the lease, their slots included. Default 1024 for each core. */
  readonly memoryMiB?: number | undefined;
  /** How long the lease runs. Default one hour. */
  readonly durationMs?: number | undefined;
  /** The node that is wanted. Default any. */
  readonly node?: string | undefined;
  /** GPUs. Default 0. */
  readonly gpus?: number | undefined;
  /** How long the managers may take to answer. Default 10000. */
  readonly timeoutMs?: number | undefined;
  /** Gives up. */
  readonly signal?: AbortSignal | undefined;
  /** Called when the lease is about to expire. */
  readonly onExpiryWarning?: ((expiry: Date) => void) | undefined;
}

/** {@link LeaseOptions} with every default filled in, and checked. */
export interface CompleteLeaseOptions {
  readonly cores: number;
  readonly memoryMiB: number;
  readonly durationMs: number;
  readonly node: string;
  readonly gpus: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** Where leases come from: a resource manager, or a node key in the client's own hands. */
export interface LeaseProvider {
  /** A lease, and the session with its node if there is one already. */
  grant(
    options: CompleteLeaseOptions,
    listener: SessionListener,
  ): Promise<{ readonly grant: LeaseGrant; readonly session: ExecutorManagerSession | undefined }>;
  /** What the lease has used, or undefined where nobody keeps the bill. */
  usage(leaseId: string): Promise<Usage | undefined>;
  /** Gives the lease back; its usage, or undefined where nobody keeps the bill. */
  release(leaseId: string): Promise<Usage | undefined>;
  close(): Promise<void>;
}
