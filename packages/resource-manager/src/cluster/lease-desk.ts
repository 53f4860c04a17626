import { RfaasError, type LeaseRequest } from '@rfaas/core';
import type { ClusterOptions, QueueWaiter } from './cluster-options.ts';
import { leaseView } from './cluster-views.ts';
import { placementOf, wantedResources } from './lease-demand.ts';
import type { LeaseKeeper } from './lease-keeper.ts';
import type { LeaseRecord, LeaseShare } from './lease-record.ts';
import type { NodeKeeper } from './node-keeper.ts';
import type { Share } from './placement/placement-decision.ts';
import type { PlacementIndex } from './placement/placement-index.ts';
import type { QueuedLease } from './queued-lease.ts';
import { LeaseQueue, type AttemptResult, type WaitingRequest } from './tenants/lease-queue.ts';
import type { QuotaClaim, TenantQuotas } from './tenants/tenant-quotas.ts';

/** What a desk works with. */
export interface LeaseDeskParts {
  readonly options: ClusterOptions;
  readonly leases: LeaseKeeper;
  readonly nodes: NodeKeeper;
  readonly placement: PlacementIndex;
  readonly quotas: TenantQuotas;
}

/** The answer to a request: a lease, or a place in the queue whose waiter hears of the rest. */
export type RequestOutcome =
  | {
      readonly kind: 'granted';
      readonly record: LeaseRecord;
      /** It was not granted before. */ readonly isNew: boolean;
    }
  | { readonly kind: 'queued'; readonly position: number; readonly waiting: number };

/** Grants leases and keeps those waiting that do not fit yet, within the limits of tenants. */
export class LeaseDesk {
  readonly queue: LeaseQueue<QueuedLease>;
  readonly #parts: LeaseDeskParts;
  readonly #waiters = new Map<string, QueueWaiter>();
  /** Where a request stood when its waiter was told last. */
  readonly #positions = new Map<string, number>();

  constructor(parts: LeaseDeskParts) {
    this.#parts = parts;
    this.queue = new LeaseQueue({ patienceMs: parts.options.queuePatienceMs });
  }

  /** A request that waited when the process started. */
  restore(request: WaitingRequest<QueuedLease>): void {
    this.queue.add(request);
  }

  /** The tenant whose request of this name waits. */
  waitsFor(leaseId: string): string | undefined {
    return this.queue.get(leaseId)?.tenant;
  }

  /**
   * Grants a lease or queues the request. One that was granted or queued before is answered as it was then.
   *
   * @throws RfaasError `RFAAS_ERR_USAGE`, `RFAAS_ERR_NODE_UNKNOWN`, `RFAAS_ERR_NO_CAPACITY`, `RFAAS_ERR_QUOTA`,
   * `RFAAS_ERR_LEASE_TERMINATED` and `RFAAS_ERR_LEASE_INVALID` for an identifier that was used before
   */
  request(tenant: string, request: LeaseRequest, waiter: QueueWaiter): RequestOutcome {
    const { leaseId } = request;
    const known = this.#known(tenant, leaseId);
    if (known !== undefined) {
      return { kind: 'granted', record: known, isNew: false };
    }
    if (this.queue.get(leaseId)?.tenant === tenant) {
      this.#waiters.set(leaseId, waiter);
      return this.#place(leaseId);
    }
    const queued = this.#described(tenant, request);
    const outcome = this.#decide(queued, request.queueMs > 0);
    if (outcome instanceof RfaasError) {
      throw outcome;
    }
    if (outcome !== undefined) {
      return { kind: 'granted', record: outcome, isNew: true };
    }
    this.#enqueue(queued, waiter);
    return this.#place(leaseId);
  }

  /** A request is not wanted any more. False if it does not wait. */
  withdraw(leaseId: string, error: RfaasError): boolean {
    const request = this.queue.remove(leaseId);
    if (request !== undefined) {
      this.#left(request);
      this.#takeWaiter(leaseId)?.refused(error);
    }
    return request !== undefined;
  }

  /** Whoever waited for a request is gone; its place is kept. */
  orphan(leaseId: string): void {
    this.#waiters.delete(leaseId);
  }

  /** Grants what fits now. To be called when something was freed or added. */
  serve(): void {
    if (this.queue.length === 0) {
      return;
    }
    const records = new Map<string, LeaseRecord>();
    const granted = this.queue.serve(
      this.#parts.options.clock(),
      () => this.#parts.placement.mostFreeCores(),
      (entry) => this.#attempt(entry, records),
    );
    for (const entry of granted) {
      this.#left(entry);
      const record = records.get(entry.id);
      if (record !== undefined) {
        this.#takeWaiter(entry.id)?.granted(record);
      }
    }
  }

  /** Refuses what has waited for too long. */
  sweep(now: number): void {
    for (const late of this.queue.expire(now)) {
      this.#left(late);
      const text = `no room for lease ${late.id} within the ${late.deadline - late.since} ms that it waited`;
      this.#takeWaiter(late.id)?.refused(new RfaasError('RFAAS_ERR_NO_CAPACITY', text));
      this.#parts.options.observer?.refused(late.tenant, 'RFAAS_ERR_NO_CAPACITY');
    }
  }

  #known(tenant: string, leaseId: string): LeaseRecord | undefined {
    const { table, ledger } = this.#parts.leases;
    const record = table.get(leaseId);
    const owner = record?.tenant ?? this.queue.get(leaseId)?.tenant ?? ledger.account(leaseId)?.bill.tenant;
    if (owner !== undefined && owner !== tenant) {
      throw new RfaasError(
        'RFAAS_ERR_LEASE_INVALID',
        `a lease ${leaseId} exists already; choose its name at random`,
      );
    }
    if (record?.ending !== undefined || (record === undefined && ledger.account(leaseId) !== undefined)) {
      throw new RfaasError('RFAAS_ERR_LEASE_TERMINATED', `lease ${leaseId} has ended; ask for a new one`);
    }
    return record;
  }

  #described(tenant: string, request: LeaseRequest): WaitingRequest<QueuedLease> {
    const { clock, maxLeaseMs } = this.#parts.options;
    const { leaseId: id, durationMs, queueMs } = request;
    const placement = placementOf(request, maxLeaseMs);
    const since = clock();
    const { coresPerPart } = placement;
    return { id, tenant, since, deadline: since + queueMs, coresPerPart, request: { durationMs, placement } };
  }

  /** A lease, why there is none, or `undefined` if waiting may help. */
  #decide(entry: WaitingRequest<QueuedLease>, mayWait: boolean): LeaseRecord | RfaasError | undefined {
    const { tenant, request } = entry;
    const verdict = this.#parts.quotas.check(tenant, this.#claim(entry));
    if (!verdict.ok && !(mayWait && verdict.isPassing)) {
      return new RfaasError('RFAAS_ERR_QUOTA', verdict.text, { details: { limit: verdict.limit } });
    }
    if (!verdict.ok || this.queue.mustWait(tenant)) {
      return mayWait ? this.#mayQueue() : earlierRequests(tenant, this.queue.waiting(tenant));
    }
    const { placement, options } = this.#parts;
    const decision = placement.place(request.placement, options.random);
    if (decision.ok) {
      return this.#grant(entry, decision.shares);
    }
    if (mayWait && (decision.reason === 'occupied' || this.#awaitsNodes())) {
      return this.#mayQueue();
    }
    const code = decision.reason === 'unknown-node' ? 'RFAAS_ERR_NODE_UNKNOWN' : 'RFAAS_ERR_NO_CAPACITY';
    return new RfaasError(code, decision.text, { details: { reason: decision.reason } });
  }

  #mayQueue(): RfaasError | undefined {
    const { maxQueued } = this.#parts.options;
    return this.queue.length < maxQueued
      ? undefined
      : new RfaasError('RFAAS_ERR_BUSY', `${maxQueued} requests wait already; try again later`);
  }

  /** Whether nodes are suspect that may have room once they are back, such as after a restart. */
  #awaitsNodes(): boolean {
    return this.#parts.nodes.registry.suspects > 0;
  }

  #claim({ request }: WaitingRequest<QueuedLease>): QuotaClaim {
    const from = this.#parts.options.clock();
    const { cores, memoryMiB } = wantedResources(request.placement);
    return { cores, memoryMiB, from, expiry: from + request.durationMs };
  }

  #attempt(entry: WaitingRequest<QueuedLease>, granted: Map<string, LeaseRecord>): AttemptResult {
    const { placement, options, quotas } = this.#parts;
    if (!quotas.check(entry.tenant, this.#claim(entry)).ok) {
      return 'over-limit';
    }
    const decision = placement.place(entry.request.placement, options.random);
    if (!decision.ok) {
      return 'no-room';
    }
    granted.set(entry.id, this.#grant(entry, decision.shares));
    return 'granted';
  }

  #grant({ id, tenant, since, request }: WaitingRequest<QueuedLease>, shares: readonly Share[]): LeaseRecord {
    const { leases, nodes, options } = this.#parts;
    const now = options.clock();
    const record: LeaseRecord = {
      leaseId: id,
      tenant,
      generation: 1,
      notBefore: now,
      expiry: now + request.durationMs,
      shares: shares.map((share): LeaseShare => ({
        ...share,
        incarnation: nodes.registry.get(share.node)?.incarnation ?? 0n,
        state: 'held',
      })),
      ending: undefined,
    };
    leases.open(record);
    options.observer?.granted(leaseView(record, leases.ledger), now - since);
    return record;
  }

  #enqueue(entry: WaitingRequest<QueuedLease>, waiter: QueueWaiter): void {
    this.queue.add(entry);
    this.#waiters.set(entry.id, waiter);
    this.#markRow(entry.id);
    this.#parts.options.observer?.queued(entry.tenant);
  }

  /** A request waits no more: those behind it move up. */
  #left({ id, tenant }: WaitingRequest<QueuedLease>): void {
    this.#markRow(id);
    this.#positions.delete(id);
    for (const [index, behind] of this.queue.line(tenant).entries()) {
      if (this.#positions.get(behind.id) !== index + 1) {
        this.#positions.set(behind.id, index + 1);
        this.#waiters.get(behind.id)?.moved(index + 1, this.queue.length);
      }
    }
  }

  #takeWaiter(leaseId: string): QueueWaiter | undefined {
    const waiter = this.#waiters.get(leaseId);
    this.#waiters.delete(leaseId);
    return waiter;
  }

  #place(leaseId: string): RequestOutcome {
    const position = this.queue.position(leaseId) ?? 0;
    this.#positions.set(leaseId, position);
    return { kind: 'queued', position, waiting: this.queue.length };
  }

  #markRow(leaseId: string): void {
    this.#parts.options.rows.mark(`queued/${leaseId}`, () => {
      const entry = this.queue.get(leaseId);
      return entry === undefined ? undefined : JSON.stringify(entry);
    });
  }
}

function earlierRequests(tenant: string, ahead: number): RfaasError {
  const text =
    ahead === 0
      ? 'a request that has waited for long is served first; wait for room too, or try again later'
      : `${ahead} earlier requests of "${tenant}" wait for room; wait too, or withdraw them`;
  return new RfaasError('RFAAS_ERR_NO_CAPACITY', text, { details: { ahead } });
}
