/** A lease as its client knows of it. Times are in milliseconds since 1970, of the host that all processes run on. */
interface KnownLease {
  readonly leaseId: string;
  /** Cores by node. */
  readonly cores: ReadonlyMap<string, number>;
  readonly granted: number;
  generation: number;
  expiry: number;
  /** When its client began to give it back. */
  released: number | undefined;
}

/** A lease that was acknowledged to a client. */
export interface AcknowledgedLease {
  readonly leaseId: string;
  readonly cores: ReadonlyMap<string, number>;
  readonly generation: number;
  readonly expiry: number;
}

/** What clients were promised, and whether that was kept. */
export class LeaseHistory {
  /** What contradicts the model, in words. */
  readonly violations: string[] = [];
  readonly #nodes: ReadonlyMap<string, number>;
  readonly #leases = new Map<string, KnownLease>();
  #renewals = 0;
  #releases = 0;

  /** `nodes`: how many cores each has. */
  constructor(nodes: ReadonlyMap<string, number>) {
    this.#nodes = nodes;
  }

  get counts(): { readonly leases: number; readonly renewals: number; readonly releases: number } {
    return { leases: this.#leases.size, renewals: this.#renewals, releases: this.#releases };
  }

  /** A client was told that it has a lease. */
  granted(lease: AcknowledgedLease, now: number): void {
    if (this.#leases.has(lease.leaseId)) this.violations.push(`lease ${lease.leaseId} was granted twice`);
    this.#leases.set(lease.leaseId, { ...lease, granted: now, released: undefined });
  }

  /** A client was told that its lease goes on. */
  renewed(leaseId: string, generation: number, expiry: number): void {
    const lease = this.#known(leaseId);
    this.#renewals += 1;
    if (generation <= lease.generation) {
      this.violations.push(
        `lease ${leaseId} was renewed to generation ${generation}, after ${lease.generation}: a renewal was lost`,
      );
    }
    if (expiry < lease.expiry) {
      this.violations.push(`lease ${leaseId} was renewed and ends ${lease.expiry - expiry} ms earlier`);
    }
    lease.generation = generation;
    lease.expiry = expiry;
  }

  /** A client is about to give its lease back, or does not care for it any more. */
  releasing(leaseId: string, now: number): void {
    this.#known(leaseId).released ??= now;
  }

  /** A client was told that its lease is given back. */
  released(): void {
    this.#releases += 1;
  }

  /** A client was told that its lease is over, or is not known. */
  refused(leaseId: string, what: string, error: unknown, now: number): void {
    const lease = this.#known(leaseId);
    // At its end a lease is over for the manager a moment earlier than the client has heard.
    if (now < lease.expiry) {
      const left = lease.expiry - now;
      this.violations.push(`lease ${leaseId} was lost ${left} ms before its end: ${what}: ${String(error)}`);
    }
  }

  /** At no time two leases may have had the same core: from when a client had one to when it gave it back, or its end. */
  check(): readonly string[] {
    const changes: {
      readonly time: number;
      readonly node: string;
      readonly cores: number;
      leaseId: string;
    }[] = [];
    for (const { leaseId, cores, granted, expiry, released } of this.#leases.values()) {
      const end = Math.min(expiry, released ?? expiry);
      for (const [node, count] of end > granted ? cores : []) {
        changes.push({ time: granted, node, cores: count, leaseId });
        changes.push({ time: end, node, cores: -count, leaseId });
      }
    }
    // What ends at a time is free at that time.
    changes.sort((a, b) => a.time - b.time || a.cores - b.cores);
    const held = new Map<string, number>();
    const doubled: string[] = [];
    for (const { time, node, cores, leaseId } of changes) {
      const total = (held.get(node) ?? 0) + cores;
      held.set(node, total);
      const all = this.#nodes.get(node) ?? 0;
      if (cores > 0 && total > all) {
        doubled.push(
          `with lease ${leaseId} clients have ${total} cores of ${node}, which has ${all}, at ${new Date(time).toISOString()}`,
        );
      }
    }
    return [...this.violations, ...doubled];
  }

  #known(leaseId: string): KnownLease {
    const lease = this.#leases.get(leaseId);
    if (lease === undefined) throw new Error(`lease ${leaseId} is not in the history`);
    return lease;
  }
}
