import {
  RfaasError,
  type Clock,
  type Lease,
  type LeaseEndReason,
  type LeaseRequest,
  type Usage,
  type UsageReport,
} from '@rfaas/core';
import { ExecutorRegistry, type ClusterNode, type NodeDescription } from './executor-registry.ts';
import { chooseNode, freeOf } from './lease-allocator.ts';
import { forgetfulStore, type LeaseStore } from './lease-store.ts';
import { LeaseTable, type LeaseRecord, type Resources } from './lease-table.ts';
import { UsageLedger } from './usage-ledger.ts';

/** What a cluster is made with: everything that is not decided by its own state. */
export interface ClusterOptions {
  readonly clock: Clock;
  /** A new identifier of 32 hexadecimal digits. */
  readonly newLeaseId: () => string;
  readonly maxLeaseMs: number;
  /** How far clocks may be apart: a lease that no node has confirmed as ended is freed this long after its expiry. */
  readonly leaseSkewMs: number;
  readonly store?: LeaseStore;
  /** Tells a connected node to end a lease. */
  readonly onLeaseEnd: (node: string, leaseId: string, reason: LeaseEndReason) => void;
  /** Something may have changed that {@link Cluster.nextDeadline} depends on. */
  readonly onChange?: () => void;
}

/** A node with what is free on it. */
export interface NodeStatus extends ClusterNode {
  readonly free: Resources;
}

/** Which key signs leases: there is one until keys can be exchanged. */
const signingKeyId = 1;

/**
 * The decisions of a resource manager: which nodes there are, who leases what, what is free again and when, what it
 * costs. It does no I/O and looks at no clock but the one it was given.
 */
export class Cluster {
  readonly #options: ClusterOptions;
  readonly #store: LeaseStore;
  readonly #registry = new ExecutorRegistry();
  readonly #leases = new LeaseTable();
  readonly #ledger = new UsageLedger();
  readonly #whenFreed = new Map<string, (() => void)[]>();

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#store = options.store ?? forgetfulStore;
    for (const record of this.#store.load()) {
      this.#leases.add(record);
      this.#ledger.open(record.lease.leaseId, record.lease.tenant, record.lease.node);
    }
  }

  /** Adds a node that was not seen. @throws RfaasError `RFAAS_ERR_NODE_EXISTS` */
  preload(description: NodeDescription): void {
    this.#registry.preload(description);
  }

  /**
   * A node has registered. Leases of its earlier starts are freed: their executors ended with it.
   *
   * @returns the leases that it must be told to end
   * @throws RfaasError `RFAAS_ERR_NODE_EXISTS` while another one of this name is connected
   */
  register(description: NodeDescription, incarnation: bigint): readonly LeaseRecord[] {
    this.#registry.connect(description, incarnation);
    const [mine, earlier] = partition(
      this.#leases.onNode(description.name),
      ({ lease }) => lease.incarnation === 0n || lease.incarnation === incarnation,
    );
    for (const { lease } of earlier) {
      this.#free(lease.leaseId);
    }
    return mine.filter(({ ending }) => ending !== undefined);
  }

  /** The connection of a node is gone: its leases end, and nothing is leased on it until it registers again. */
  nodeLost(name: string): void {
    this.#registry.disconnect(name);
    this.#endAll(this.#leases.onNode(name), 'node-removed');
  }

  /** Ends the leases of a node and forgets it. @throws RfaasError `RFAAS_ERR_NODE_UNKNOWN` */
  removeNode(name: string): void {
    if (this.#registry.get(name) !== undefined) {
      this.#endAll(this.#leases.onNode(name), 'node-removed');
    }
    this.#registry.remove(name);
  }

  /**
   * Grants a lease to the client connection `owner`.
   *
   * @throws RfaasError `RFAAS_ERR_USAGE` for a request that makes no sense, `RFAAS_ERR_NODE_UNKNOWN`,
   * `RFAAS_ERR_NO_CAPACITY`
   */
  grant(
    tenant: string,
    owner: number,
    request: LeaseRequest,
  ): { readonly lease: Lease; readonly node: ClusterNode } {
    const now = this.#options.clock();
    this.#ledger.prune(now);
    this.#check(request);
    const candidates = this.#registry.list().map((node) => ({ node, taken: this.#leases.taken(node.name) }));
    const decision = chooseNode(request, candidates);
    if (!decision.ok) {
      const code = decision.reason === 'unknown-node' ? 'RFAAS_ERR_NODE_UNKNOWN' : 'RFAAS_ERR_NO_CAPACITY';
      throw new RfaasError(code, decision.text, { details: { reason: decision.reason } });
    }
    const { node } = decision;
    const lease: Lease = {
      keyId: signingKeyId,
      leaseId: this.#options.newLeaseId(),
      generation: 1,
      node: node.name,
      incarnation: node.incarnation,
      cores: request.cores,
      memoryMiB: request.memoryMiB,
      gpus: request.gpus,
      tenant,
      notBefore: now,
      expiry: now + request.durationMs,
    };
    const record = { lease, owner, ending: undefined };
    this.#store.put(record);
    this.#leases.add(record);
    this.#ledger.open(lease.leaseId, tenant, node.name);
    this.#options.onChange?.();
    return { lease, node };
  }

  /**
   * Begins the end of a tenant's lease. One that has ended already, for whatever reason, stays as it is: its tenant
   * wanted it to be over.
   *
   * @returns whether its node is there to confirm the end; otherwise its resources are free only after its expiry
   * @throws RfaasError `RFAAS_ERR_LEASE_UNKNOWN` if the tenant has none of this identifier
   */
  release(tenant: string, leaseId: string): boolean {
    this.usage(tenant, leaseId);
    const record = this.#leases.get(leaseId);
    if (record === undefined) {
      return false;
    }
    if (record.ending === undefined) {
      this.#end(record, 'released');
    }
    return this.#registry.get(record.lease.node)?.state === 'connected';
  }

  /** What a tenant's lease has used. @throws RfaasError `RFAAS_ERR_LEASE_UNKNOWN` */
  usage(tenant: string, leaseId: string): Usage {
    const usage = this.#ledger.usage(leaseId, tenant);
    if (usage === undefined) {
      throw new RfaasError('RFAAS_ERR_LEASE_UNKNOWN', `no lease ${leaseId} of "${tenant}" is known`);
    }
    return usage;
  }

  /** A client connection is gone: the leases that it was granted end. */
  ownerGone(owner: number): void {
    this.#endAll(
      this.#leases.list().filter((record) => record.owner === owner),
      'client-gone',
    );
  }

  /** A node says that nothing runs under a lease any more. */
  leaseEnded(node: string, leaseId: string): void {
    if (this.#leases.get(leaseId)?.lease.node === node) {
      this.#free(leaseId);
    }
  }

  /** A node reports usage. Returns whether the bill has changed. */
  report(node: string, report: UsageReport): boolean {
    return this.#ledger.report(node, report);
  }

  /** Calls back once the resources of a lease are free, at once if they are. */
  onceFreed(leaseId: string, callback: () => void): void {
    if (this.#leases.get(leaseId) === undefined) {
      callback();
    } else {
      this.#whenFreed.set(leaseId, [...(this.#whenFreed.get(leaseId) ?? []), callback]);
    }
  }

  /** Ends what has expired and frees what nobody has confirmed in time. To be called at {@link nextDeadline}. */
  sweep(): void {
    const now = this.#options.clock();
    for (const record of this.#leases.list()) {
      const { expiry, leaseId } = record.lease;
      if (record.ending === undefined && expiry <= now) {
        this.#end(record, 'expired');
      }
      if (expiry + this.#options.leaseSkewMs <= now) {
        this.#free(leaseId);
      }
    }
    this.#options.onChange?.();
  }

  /** When {@link sweep} has something to do, in the time of the clock. */
  nextDeadline(): number | undefined {
    return this.#leases.nextDeadline(this.#options.leaseSkewMs);
  }

  nodes(): readonly NodeStatus[] {
    return this.#registry
      .list()
      .map((node) => ({ ...node, free: freeOf({ node, taken: this.#leases.taken(node.name) }) }));
  }

  leases(): readonly LeaseRecord[] {
    return this.#leases.list();
  }

  #check({ cores, durationMs }: LeaseRequest): void {
    if (cores < 1) {
      throw new RfaasError('RFAAS_ERR_USAGE', `a lease needs at least 1 core, not ${cores}`);
    }
    if (durationMs < 1 || durationMs > this.#options.maxLeaseMs) {
      throw new RfaasError(
        'RFAAS_ERR_USAGE',
        `a lease lasts from 1 to ${this.#options.maxLeaseMs} ms here, not ${durationMs}`,
      );
    }
  }

  #endAll(records: readonly LeaseRecord[], reason: LeaseEndReason): void {
    for (const record of records) {
      if (record.ending === undefined) {
        this.#end(record, reason);
      }
    }
  }

  #end(record: LeaseRecord, reason: LeaseEndReason): void {
    const { leaseId, node } = record.lease;
    this.#store.put({ ...record, ending: reason });
    this.#leases.end(leaseId, reason);
    if (this.#registry.get(node)?.state === 'connected') {
      this.#options.onLeaseEnd(node, leaseId, reason);
    }
  }

  #free(leaseId: string): void {
    this.#store.delete(leaseId);
    this.#leases.remove(leaseId);
    this.#ledger.close(leaseId, this.#options.clock());
    const callbacks = this.#whenFreed.get(leaseId) ?? [];
    this.#whenFreed.delete(leaseId);
    for (const callback of callbacks) {
      callback();
    }
  }
}

function partition<T>(items: readonly T[], isFirst: (item: T) => boolean): readonly [T[], T[]] {
  const first: T[] = [];
  const second: T[] = [];
  for (const item of items) {
    (isFirst(item) ? first : second).push(item);
  }
  return [first, second];
}
