import type { Allocate } from '@rfaas/core';
import { Claims } from './claims.ts';
import type { ClaimRequest, NodeCapacity } from './claims.ts';
import type { ExecutorProcess } from './executor-process.ts';
import { KeptExecutors } from './kept-executors.ts';
import type { KeptExecutor } from './kept-executors.ts';

/** What a claim that was refused for want of memory says it lacks. */
const memoryShortage = 'MiB of memory';

/** What allocations hold of a node, and what executors hold that are kept for their clients' return. */
export class ExecutorClaims {
  readonly #claims: Claims;
  readonly #kept: KeptExecutors;
  readonly #onKeptGone: (leaseId: string) => void;

  /** `onKeptGone` hears of each executor that is kept no longer. */
  constructor(capacity: NodeCapacity, keepWarmMs: number, onKeptGone: (leaseId: string) => void) {
    this.#claims = new Claims(capacity);
    this.#onKeptGone = onKeptGone;
    this.#kept = new KeptExecutors(keepWarmMs, ({ allocationId, leaseId }) => {
      this.#claims.release(allocationId);
      onKeptGone(leaseId);
    });
  }

  /** Cores that no allocation holds. */
  get freeCores(): number {
    return this.#claims.freeCores;
  }

  /** Memory that neither allocations nor kept executors hold. */
  get freeMemoryMiB(): number {
    return this.#claims.freeMemoryMiB;
  }

  /** An executor that was kept for this lease and package, if there is one; what it held is free. */
  takeKept(leaseId: string, request: Allocate): ExecutorProcess | undefined {
    const kept = this.#kept.take(leaseId, request);
    if (kept !== undefined) {
      this.#claims.release(kept.allocationId);
    }
    return kept?.executor;
  }

  /**
   * Takes cores and memory for an allocation; executors that are kept for somebody's return give way. Throws RfaasError
   * that says what there is too little of.
   */
  claim(request: ClaimRequest): readonly number[] {
    for (;;) {
      const decision = this.#claims.claim(request);
      if (decision.ok) {
        return decision.cpus;
      }
      const { what, of } = decision.error.details;
      const leaseId = of === 'the lease' ? request.lease.leaseId : undefined;
      const evicted = what === memoryShortage ? this.#kept.evict(leaseId) : undefined;
      if (evicted === undefined) {
        throw decision.error;
      }
      this.#claims.release(evicted.allocationId);
      this.#onKeptGone(evicted.leaseId);
    }
  }

  /** Gives back what an allocation held. */
  release(allocationId: string): void {
    this.#claims.release(allocationId);
  }

  /** Gives back an allocation's cores; its executor, and with it the memory, stays for a while. */
  keep(kept: KeptExecutor): void {
    this.#claims.releaseCores(kept.allocationId);
    this.#kept.keep(kept);
  }

  /** Whether executors are kept for a lease. */
  hasKept(leaseId: string): boolean {
    return this.#kept.of(leaseId).length > 0;
  }

  /** Ends the executors that are kept for a lease, or all; resolves once nothing is left of them. */
  async endKept(leaseId?: string): Promise<void> {
    await this.#kept.end(leaseId);
  }
}
