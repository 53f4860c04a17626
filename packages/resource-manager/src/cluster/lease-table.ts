import type { Lease, LeaseEndReason } from '@rfaas/core';

/** What leases take of a node. */
export interface Resources {
  readonly cores: number;
  readonly memoryMiB: number;
  readonly gpus: number;
}

/** A lease whose resources are not free yet. */
export interface LeaseRecord {
  readonly lease: Lease;
  /** The client connection that it was granted to, by number. */
  readonly owner: number;
  /** Why it ends, from then on until its node has confirmed that or time has run out; `undefined` while it runs. */
  readonly ending: LeaseEndReason | undefined;
}

const nothing: Resources = { cores: 0, memoryMiB: 0, gpus: 0 };

/** The leases whose resources are taken: running ones, and ended ones that their nodes have not confirmed. */
export class LeaseTable {
  readonly #records = new Map<string, LeaseRecord>();
  readonly #taken = new Map<string, Resources>();

  add(record: LeaseRecord): void {
    this.#records.set(record.lease.leaseId, record);
    this.#take(record.lease, 1);
  }

  get(leaseId: string): LeaseRecord | undefined {
    return this.#records.get(leaseId);
  }

  /** Marks a lease as ending. False if it is not there or was ending before. */
  end(leaseId: string, reason: LeaseEndReason): boolean {
    const record = this.#records.get(leaseId);
    if (record === undefined || record.ending !== undefined) {
      return false;
    }
    this.#records.set(leaseId, { ...record, ending: reason });
    return true;
  }

  /** Frees what a lease took. */
  remove(leaseId: string): LeaseRecord | undefined {
    const record = this.#records.get(leaseId);
    if (record !== undefined) {
      this.#records.delete(leaseId);
      this.#take(record.lease, -1);
    }
    return record;
  }

  /** What leases take of a node, ending ones included. */
  taken(node: string): Resources {
    return this.#taken.get(node) ?? nothing;
  }

  list(): readonly LeaseRecord[] {
    return [...this.#records.values()];
  }

  onNode(node: string): readonly LeaseRecord[] {
    return this.list().filter(({ lease }) => lease.node === node);
  }

  /** The next moment at which a lease expires, or at which an expired one is freed `skewMs` later. */
  nextDeadline(skewMs: number): number | undefined {
    const moments = this.list().map(
      ({ lease, ending }) => lease.expiry + (ending === undefined ? 0 : skewMs),
    );
    return moments.length === 0 ? undefined : moments.reduce((a, b) => Math.min(a, b));
  }

  #take(lease: Lease, sign: 1 | -1): void {
    const taken = this.taken(lease.node);
    const next = {
      cores: taken.cores + sign * lease.cores,
      memoryMiB: taken.memoryMiB + sign * lease.memoryMiB,
      gpus: taken.gpus + sign * lease.gpus,
    };
    if (next.cores === 0) {
      this.#taken.delete(lease.node);
    } else {
      this.#taken.set(lease.node, next);
    }
  }
}
