import { RfaasError } from '@rfaas/core';
import type { Lease } from '@rfaas/core';

/** How long the end of a lease is remembered at least: a renewal that was not seen here may have moved its expiry. */
const shortestMemoryMs = 24 * 3600 * 1000;
/** Looking through all leases for those that can be forgotten is not needed at each of them. */
const sweepIntervalMs = 60_000;

interface Entry {
  generation: number;
  expiry: number;
  ended: string | undefined;
}

/**
 * The leases that this node has seen. Tokens are verified before they come here; this remembers which leases are over,
 * until they would have expired anyway, so that a token of an ended lease opens nothing again.
 */
export class LeaseBook {
  readonly #entries = new Map<string, Entry>();
  #sweptAt = Number.NEGATIVE_INFINITY;

  /** Notes a lease that a verified token names; throws RfaasError if it has ended or was renewed meanwhile. */
  admit(lease: Lease, now: number): void {
    this.#forget(now);
    const entry = this.#entries.get(lease.leaseId);
    if (entry?.ended !== undefined) {
      throw new RfaasError(
        'RFAAS_ERR_LEASE_TERMINATED',
        `lease ${lease.leaseId} has ended (${entry.ended}); ask for a new one`,
        { details: { leaseId: lease.leaseId } },
      );
    }
    if (entry !== undefined && lease.generation < entry.generation) {
      throw new RfaasError(
        'RFAAS_ERR_LEASE_INVALID',
        `lease ${lease.leaseId} was renewed: generation ${entry.generation} is in force, not ${lease.generation}`,
        { details: { leaseId: lease.leaseId } },
      );
    }
    this.#entries.set(lease.leaseId, {
      generation: lease.generation,
      expiry: lease.expiry,
      ended: undefined,
    });
  }

  /** A lease is over, whether it was seen before or not. False if it was over already. */
  end(leaseId: string, reason: string, now: number): boolean {
    const entry = this.#entries.get(leaseId);
    if (entry?.ended !== undefined) {
      return false;
    }
    const expiry = Math.max(entry?.expiry ?? 0, now + shortestMemoryMs);
    this.#entries.set(leaseId, { generation: entry?.generation ?? 0, expiry, ended: reason });
    return true;
  }

  /** Leases that are remembered. */
  get size(): number {
    return this.#entries.size;
  }

  #forget(now: number): void {
    if (now - this.#sweptAt < sweepIntervalMs) {
      return;
    }
    this.#sweptAt = now;
    for (const [leaseId, { expiry }] of this.#entries) {
      // Verification refuses what is past its expiry, by the same clock.
      if (expiry <= now) {
        this.#entries.delete(leaseId);
      }
    }
  }
}
