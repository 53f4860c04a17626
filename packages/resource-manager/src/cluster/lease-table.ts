import { isTaken, takenResources, type LeaseRecord } from './lease-record.ts';
import { noResources, type Resources } from './placement/resources.ts';

/** What a tenant holds: leases, and what they take of nodes. */
export interface Holdings extends Resources {
  readonly leases: number;
}

const nothing: Holdings = { ...noResources, leases: 0 };

/** The leases whose resources are not all free, by identifier, node and tenant. */
export class LeaseTable {
  readonly #records = new Map<string, LeaseRecord>();
  readonly #byNode = new Map<string, Set<string>>();
  readonly #byTenant = new Map<string, Set<string>>();
  readonly #holdings = new Map<string, Holdings>();

  get size(): number {
    return this.#records.size;
  }

  get(leaseId: string): LeaseRecord | undefined {
    return this.#records.get(leaseId);
  }

  /** Adds a lease, or replaces what is known of it. */
  set(record: LeaseRecord): void {
    const before = this.#records.get(record.leaseId);
    this.#records.set(record.leaseId, record);
    this.#count(before, record);
    if (before === undefined) {
      include(this.#byTenant, record.tenant, record.leaseId);
    }
    for (const share of record.shares) {
      (isTaken(share) ? include : exclude)(this.#byNode, share.node, record.leaseId);
    }
  }

  delete(leaseId: string): void {
    const record = this.#records.get(leaseId);
    if (record === undefined) {
      return;
    }
    this.#records.delete(leaseId);
    this.#count(record, undefined);
    exclude(this.#byTenant, record.tenant, leaseId);
    for (const { node } of record.shares) {
      exclude(this.#byNode, node, leaseId);
    }
  }

  list(): readonly LeaseRecord[] {
    return [...this.#records.values()];
  }

  /** The leases that have something of a node which is not free. */
  onNode(node: string): readonly LeaseRecord[] {
    return this.#named(this.#byNode.get(node));
  }

  countOnNode(node: string): number {
    return this.#byNode.get(node)?.size ?? 0;
  }

  ofTenant(tenant: string): readonly LeaseRecord[] {
    return this.#named(this.#byTenant.get(tenant));
  }

  /** What a tenant holds, ending leases included. */
  holdings(tenant: string): Holdings {
    return this.#holdings.get(tenant) ?? nothing;
  }

  tenants(): readonly string[] {
    return [...this.#byTenant.keys()];
  }

  #named(leaseIds: ReadonlySet<string> | undefined): readonly LeaseRecord[] {
    return [...(leaseIds ?? [])].flatMap((leaseId) => this.#records.get(leaseId) ?? []);
  }

  #count(before: LeaseRecord | undefined, after: LeaseRecord | undefined): void {
    const tenant = (after ?? before)?.tenant ?? '';
    const held = this.holdings(tenant);
    const minus = takenResources(before?.shares ?? []);
    const plus = takenResources(after?.shares ?? []);
    const next: Holdings = {
      cores: held.cores + plus.cores - minus.cores,
      memoryMiB: held.memoryMiB + plus.memoryMiB - minus.memoryMiB,
      gpus: held.gpus + plus.gpus - minus.gpus,
      leases: held.leases + (after === undefined ? 0 : 1) - (before === undefined ? 0 : 1),
    };
    if (next.leases === 0) {
      this.#holdings.delete(tenant);
    } else {
      this.#holdings.set(tenant, next);
    }
  }
}

function include(index: Map<string, Set<string>>, key: string, leaseId: string): void {
  const entries = index.get(key);
  if (entries === undefined) {
    index.set(key, new Set([leaseId]));
  } else {
    entries.add(leaseId);
  }
}

function exclude(index: Map<string, Set<string>>, key: string, leaseId: string): void {
  const entries = index.get(key);
  if (entries?.delete(leaseId) === true && entries.size === 0) {
    index.delete(key);
  }
}
