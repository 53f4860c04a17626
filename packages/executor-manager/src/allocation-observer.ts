import type { AllocationEndReason, RfaasErrorCode, UsageReport } from '@rfaas/core';

/**
 * The phases of an allocation: `launch` until its process runs, `connect` until that has connected to its manager, `prepare`
 * until it waits for its functions, `stop` from the wish to end it until nothing of it is left.
 */
export type AllocationPhase = 'launch' | 'connect' | 'prepare' | 'stop';

/** What a node has and what of it allocations hold. */
export interface NodeOccupancy {
  readonly executors: number;
  readonly cores: { readonly all: number; readonly held: number };
  readonly memoryMiB: { readonly all: number; readonly held: number };
}

/** What is reported of an allocation, and how often its threads went from hot to warm. */
export interface ObservedUsage extends UsageReport {
  readonly hotToWarm: number;
}

/** Hears what happens to allocations, for metrics. */
export interface AllocationObserver {
  started(): void;
  phase(phase: AllocationPhase, seconds: number): void;
  /** An executor waits for its functions, so long after it was asked for. */
  ready(seconds: number): void;
  ended(reason: AllocationEndReason): void;
  /** A client's request was refused. */
  refused(code: RfaasErrorCode): void;
  /** What an allocation has used since its start. */
  used(usage: ObservedUsage): void;
}

/** Hears nothing. */
export const noObserver: AllocationObserver = {
  started: () => undefined,
  phase: () => undefined,
  ready: () => undefined,
  ended: () => undefined,
  refused: () => undefined,
  used: () => undefined,
};
