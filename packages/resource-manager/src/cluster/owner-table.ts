import { DeadlineHeap } from './deadline-heap.ts';

/**
 * Which client connection answers for which lease or queued request. What has no connection is an orphan, and is given up
 * unless its client comes back in time.
 */
export class OwnerTable {
  readonly #graceMs: number;
  readonly #owners = new Map<string, number>();
  readonly #byOwner = new Map<number, Set<string>>();
  readonly #orphans = new DeadlineHeap<string>();

  /** `graceMs`: how long an orphan is kept. */
  constructor(graceMs: number) {
    this.#graceMs = graceMs;
  }

  /** A connection answers for a lease from now on. */
  set(leaseId: string, owner: number): void {
    this.forget(leaseId);
    this.#owners.set(leaseId, owner);
    const mine = this.#byOwner.get(owner) ?? new Set();
    mine.add(leaseId);
    this.#byOwner.set(owner, mine);
  }

  /** Nobody answers for a lease: it was there before the process was. */
  orphan(leaseId: string, now: number): void {
    this.forget(leaseId);
    this.#orphans.set(leaseId, now + this.#graceMs);
  }

  /** A connection is gone: what it answered for are orphans. Returns it. */
  ownerGone(owner: number, now: number): readonly string[] {
    const leaseIds = [...(this.#byOwner.get(owner) ?? [])];
    for (const leaseId of leaseIds) {
      this.orphan(leaseId, now);
    }
    return leaseIds;
  }

  /** The lease is over. */
  forget(leaseId: string): void {
    this.#orphans.delete(leaseId);
    const owner = this.#owners.get(leaseId);
    if (owner === undefined) {
      return;
    }
    this.#owners.delete(leaseId);
    const mine = this.#byOwner.get(owner);
    mine?.delete(leaseId);
    if (mine?.size === 0) {
      this.#byOwner.delete(owner);
    }
  }

  nextDeadline(): number | undefined {
    return this.#orphans.next();
  }

  /** Takes out an orphan whose time is up. */
  takeGivenUp(now: number): string | undefined {
    return this.#orphans.takeDue(now);
  }
}
