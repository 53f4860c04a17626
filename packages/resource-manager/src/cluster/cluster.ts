import {
  RfaasError,
  type LeaseEndReason,
  type LeaseHeld,
  type LeaseRequest,
  type Usage,
  type UsageReport,
} from '@rfaas/core';
import type { ClusterOptions, QueueWaiter } from './cluster-options.ts';
import { ClusterViews } from './cluster-views.ts';
import type { TenantLimits } from './cluster-view.ts';
import type { ClusterNode, NodeDescription } from './executor-registry.ts';
import { LeaseDesk, type RequestOutcome } from './lease-desk.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { runningLease, unknownLease } from './lease-lookup.ts';
import type { LeaseRecord } from './lease-record.ts';
import { earliest, NodeKeeper } from './node-keeper.ts';
import { OwnerTable } from './owner-table.ts';
import { PlacementIndex } from './placement/placement-index.ts';
import { reconcile, type RegistrationOutcome } from './reconciliation.ts';
import { restoreState, type SavedState } from './saved-state.ts';
import { TenantQuotas } from './tenants/tenant-quotas.ts';
import type { ReportOutcome } from './usage-ledger.ts';

/**
 * The decisions of a resource manager: which nodes there are, who leases what, what is free again and when, what it
 * costs. It does no I/O and looks at no clock but the one it was given; what has changed it marks in `rows`.
 */
export class Cluster {
  /** What there is now. */
  readonly views: ClusterViews;
  readonly #options: ClusterOptions;
  readonly #nodes: NodeKeeper;
  readonly #leases: LeaseKeeper;
  readonly #desk: LeaseDesk;
  readonly #owners: OwnerTable;
  readonly #quotas: TenantQuotas;

  constructor(options: ClusterOptions, saved?: SavedState) {
    const { clock, rows, events, observer, nodeTimeoutMs: timeoutMs } = options;
    const placement = new PlacementIndex({ policy: options.policy });
    const quotas = new TenantQuotas(options.defaultLimits);
    this.#options = options;
    this.#quotas = quotas;
    this.#nodes = new NodeKeeper({ clock, placement, rows, timeoutMs, observer });
    this.#owners = new OwnerTable(options.clientGraceMs);
    this.#leases = new LeaseKeeper({
      clock,
      placement,
      quotas,
      rows,
      skewMs: options.leaseSkewMs,
      isConnected: (node) => this.#isConnected(node),
      onEnding: (...end) => this.#isConnected(end[0]) && events.leaseEnd(...end),
      onRevoked: (leaseId) => this.#owners.forget(leaseId),
      onEnded: (leaseId, reason) => {
        this.#owners.forget(leaseId);
        observer?.ended(leaseId, reason);
      },
      onFreed: (node) => this.#drainedIfEmpty(node),
    });
    const parts = { options, leases: this.#leases, nodes: this.#nodes, placement, quotas };
    this.#desk = new LeaseDesk(parts);
    this.views = new ClusterViews(parts, this.#desk);
    if (saved !== undefined)
      restoreState(saved, [this.#nodes, this.#leases, this.#desk, this.#owners, quotas], clock());
  }

  /** Adds a node that was not seen. @throws RfaasError `RFAAS_ERR_NODE_EXISTS` */
  preload(description: NodeDescription): void {
    this.#nodes.preload(description);
    this.#settle();
  }

  /**
   * A node has registered, and tells which leases still hold something there; {@link reconcile} says what follows.
   *
   * @throws RfaasError `RFAAS_ERR_NODE_EXISTS` while another start of this name is connected
   */
  register(
    description: NodeDescription,
    incarnation: bigint,
    held: readonly LeaseHeld[] = [],
  ): RegistrationOutcome {
    const node = this.#nodes.connect(description, incarnation);
    const endings = reconcile(node, held, this.#leases);
    this.#drainedIfEmpty(node.name);
    this.#settle();
    const registered = this.#nodes.registry.require(node.name);
    const graceMs = Math.max(0, (registered.drainDeadline ?? 0) - this.#options.clock());
    return { node: registered, endings, graceMs };
  }

  /** The connection of a node is gone: it is suspect until it comes back or too much time has passed. */
  nodeGone(name: string): void {
    this.#nodes.disconnected(name);
    this.#leases.watchAgain(name);
    this.#settle();
  }

  /** No new leases on a node, which ends what it has after `graceMs`. @throws RfaasError `RFAAS_ERR_NODE_UNKNOWN` */
  drainNode(name: string, graceMs: number, isLeaving = false): void {
    this.#nodes.drain(name, graceMs, isLeaving);
    if (this.#isConnected(name)) this.#options.events.nodeDrain(name, graceMs);
    if (graceMs === 0) this.sweep();
    this.#drainedIfEmpty(name);
    this.#settle();
  }

  /** Takes a node back into service. @throws RfaasError `RFAAS_ERR_NODE_UNKNOWN` */
  resumeNode(name: string): void {
    this.#nodes.resume(name);
    if (this.#isConnected(name)) this.#options.events.nodeResume(name);
    this.#settle();
  }

  /** Grants a lease to the client connection `owner`, or queues its request; see {@link LeaseDesk.request} for errors. */
  request(tenant: string, owner: number, request: LeaseRequest, waiter: QueueWaiter): RequestOutcome {
    try {
      const outcome = this.#desk.request(tenant, request, waiter);
      this.#owners.set(request.leaseId, owner);
      return outcome;
    } catch (error) {
      if (error instanceof RfaasError) this.#options.observer?.refused(tenant, error.code);
      throw error;
    } finally {
      this.#options.events.changed();
    }
  }

  /** A tenant does not want what it asked for any more. */
  withdraw(tenant: string, leaseId: string): void {
    if (this.#desk.waitsFor(leaseId) === tenant) {
      this.#owners.forget(leaseId);
      this.#desk.withdraw(
        leaseId,
        new RfaasError('RFAAS_ERR_ABORTED', `the request for lease ${leaseId} was withdrawn`),
      );
    } else if (this.#leases.table.get(leaseId)?.tenant === tenant) {
      this.#leases.end(leaseId, 'released');
    }
    this.#settle();
  }

  /** Takes back a lease that nobody was told of, because it could not be stored. */
  revoke(leaseId: string): void {
    this.#leases.revoke(leaseId);
    this.#settle();
  }

  /**
   * A tenant's lease goes on for `durationMs` from now, in its next generation; it never ends earlier than before.
   *
   * @throws RfaasError `RFAAS_ERR_LEASE_UNKNOWN`, `RFAAS_ERR_LEASE_TERMINATED`, `RFAAS_ERR_USAGE`, `RFAAS_ERR_QUOTA`
   */
  renew(tenant: string, leaseId: string, durationMs: number): LeaseRecord {
    const { clock, maxLeaseMs, observer } = this.#options;
    const record = runningLease(this.#leases, tenant, leaseId);
    if (durationMs < 1 || durationMs > maxLeaseMs) {
      throw new RfaasError(
        'RFAAS_ERR_USAGE',
        `a lease is renewed for 1 to ${maxLeaseMs} ms here, not ${durationMs}`,
      );
    }
    const now = clock();
    const expiry = Math.max(record.expiry, now + durationMs);
    const verdict = this.#quotas.checkRenewal(tenant, leaseId, expiry);
    if (!verdict.ok)
      throw new RfaasError('RFAAS_ERR_QUOTA', verdict.text, { details: { limit: verdict.limit } });
    const renewed = this.#leases.renew(record, expiry);
    observer?.renewed(leaseId);
    this.#options.events.changed();
    return renewed;
  }

  /** The client connection `owner` answers for a tenant's lease from now on. @throws RfaasError as {@link renew} */
  attach(tenant: string, owner: number, leaseId: string): LeaseRecord {
    const record = runningLease(this.#leases, tenant, leaseId);
    this.#owners.set(leaseId, owner);
    return record;
  }

  /**
   * Begins the end of a tenant's lease. One that has ended already, for whatever reason, stays as it is: its tenant
   * wanted it to be over.
   *
   * @returns whether its nodes are there to confirm the end; otherwise its resources are free only after its expiry
   * @throws RfaasError `RFAAS_ERR_LEASE_UNKNOWN` if the tenant has none of this identifier
   */
  release(tenant: string, leaseId: string): boolean {
    this.usage(tenant, leaseId);
    this.#leases.end(leaseId, 'released');
    const record = this.#leases.table.get(leaseId);
    this.#settle();
    return record?.shares.some(({ node }) => this.#isConnected(node)) ?? false;
  }

  /** Ends a lease for another reason than its tenant's. @throws RfaasError `RFAAS_ERR_LEASE_UNKNOWN` */
  endLease(leaseId: string, reason: LeaseEndReason): void {
    if (this.#leases.table.get(leaseId) === undefined) throw unknownLease(leaseId);
    this.#leases.end(leaseId, reason);
    this.#settle();
  }

  /** What a tenant's lease has used. @throws RfaasError `RFAAS_ERR_LEASE_UNKNOWN` */
  usage(tenant: string, leaseId: string): Usage {
    const usage = this.#leases.ledger.usage(leaseId, tenant);
    if (usage === undefined) throw unknownLease(leaseId, tenant);
    return usage;
  }

  /** A client connection is gone: what it answered for ends unless its client comes back in time. */
  ownerGone(owner: number): void {
    for (const leaseId of this.#owners.ownerGone(owner, this.#options.clock())) {
      this.#desk.orphan(leaseId);
    }
    this.sweep();
  }

  /** A node says that nothing runs under a lease any more. */
  leaseEnded(node: string, leaseId: string): void {
    this.#leases.free(leaseId, node, 'released');
    this.#settle();
  }

  /** A node reports usage. */
  report(node: string, report: UsageReport): ReportOutcome {
    return this.#leases.report(node, report);
  }

  /** See {@link LeaseKeeper.onceFreed}. */
  onceFreed(leaseId: string, callback: () => void): void {
    this.#leases.onceFreed(leaseId, callback);
  }

  setLimits(tenant: string, limits: TenantLimits): void {
    this.#quotas.setLimits(tenant, limits);
    this.#options.rows.mark(`tenant/${tenant}`, () => JSON.stringify(limits));
    this.#settle();
  }

  /** Does what has become due. To be called at {@link nextDeadline}. */
  sweep(): void {
    const now = this.#options.clock();
    for (let due = this.#nodes.takeDue(now); due !== undefined; due = this.#nodes.takeDue(now)) {
      this.#nodeDue(due.kind, due.node.name);
    }
    for (let id = this.#owners.takeGivenUp(now); id !== undefined; id = this.#owners.takeGivenUp(now)) {
      this.#desk.withdraw(id, new RfaasError('RFAAS_ERR_ABORTED', 'the client is gone'));
      this.#leases.end(id, 'client-gone');
    }
    this.#leases.sweep(now);
    this.#desk.sweep(now);
    this.#settle();
  }

  /** When {@link sweep} has something to do, in the time of the clock. */
  nextDeadline(): number | undefined {
    return earliest(
      this.#nodes.nextDeadline(),
      this.#owners.nextDeadline(),
      this.#leases.nextDeadline(),
      this.#desk.queue.nextDeadline(),
    );
  }

  node(name: string): ClusterNode | undefined {
    return this.#nodes.registry.get(name);
  }

  #nodeDue(kind: 'lost' | 'drain-over', name: string): void {
    const reason = kind === 'lost' ? 'node-lost' : 'node-drained';
    for (const { leaseId } of this.#leases.table.onNode(name)) this.#leases.end(leaseId, reason, name);
    this.#leases.watchAgain(name);
    if (kind === 'lost') this.#options.events.nodeDismissed(name);
    if (kind === 'drain-over') this.#drainedIfEmpty(name);
  }

  #drainedIfEmpty(name: string): void {
    if (this.#nodes.drainedIfOver(name, this.#leases.table.countOnNode(name) === 0)) {
      this.#options.events.nodeDismissed(name);
    }
  }

  #isConnected(node: string): boolean {
    return this.#nodes.registry.get(node)?.state === 'connected';
  }

  /** After every change: what waits may fit now, and something else may be due next. */
  #settle(): void {
    this.#desk.serve();
    this.#options.events.changed();
  }
}
