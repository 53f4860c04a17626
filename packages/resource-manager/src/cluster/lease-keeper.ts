import type { Clock, LeaseEndReason, LeaseHeld, UsageReport } from '@rfaas/core';
import type { RowSink } from '../store/durable-rows.ts';
import { encodeBill, encodeLease } from '../store/row-codecs.ts';
import { DeadlineHeap } from './deadline-heap.ts';
import type { ClusterNode } from './executor-registry.ts';
import { isTaken, totalResources, type LeaseRecord, type LeaseShare } from './lease-record.ts';
import { LeaseTable } from './lease-table.ts';
import type { TenantQuotas } from './tenants/tenant-quotas.ts';
import type { PlacementIndex } from './placement/placement-index.ts';
import { UsageLedger, type Account, type ReportOutcome } from './usage-ledger.ts';

/** What leases are kept with. */
export interface LeaseKeeperOptions {
  readonly clock: Clock;
  readonly placement: PlacementIndex;
  readonly quotas: TenantQuotas;
  readonly rows: RowSink;
  /** How far clocks may be apart: what no node has confirmed is abandoned this long after its expiry. */
  readonly skewMs: number;
  /** Whether the executor manager of a node is there to confirm the end of a lease. */
  readonly isConnected: (node: string) => boolean;
  /** A share began to end: its node is to be told. */
  readonly onEnding: (node: string, leaseId: string, reason: LeaseEndReason) => void;
  /** A whole lease began to end. */
  readonly onEnded: (leaseId: string, reason: LeaseEndReason) => void;
  /** A lease is taken back: it never was. */
  readonly onRevoked: (leaseId: string) => void;
  /** Something of a node is free again. */
  readonly onFreed: (node: string) => void;
}

/** The life of leases: granted, renewed, ending, freed; what they take, what they cost, and what the store knows of that. */
export class LeaseKeeper {
  readonly table = new LeaseTable();
  readonly ledger = new UsageLedger();
  readonly #options: LeaseKeeperOptions;
  readonly #deadlines = new DeadlineHeap<string>();
  readonly #whenFreed = new Map<string, (() => void)[]>();

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
  }

  /** A lease is granted. */
  open(record: LeaseRecord): void {
    this.restore(record, []);
    this.#markLease(record.leaseId);
  }

  /** A lease that was there when the process started, with what its nodes have reported. */
  restore(record: LeaseRecord, reports: readonly UsageReport[]): void {
    this.table.set(record);
    this.#options.placement.take(record.shares.filter(isTaken));
    if (this.ledger.account(record.leaseId) === undefined) {
      this.ledger.open(record, reports);
    }
    if (isCounted(record)) {
      const { cores, memoryMiB } = totalResources(record.shares);
      const { tenant, leaseId, notBefore: from, expiry } = record;
      this.#options.quotas.open(tenant, leaseId, { cores, memoryMiB, from, expiry });
    }
    this.#watch(record);
  }

  /** A node still holds what is not known here, or was given up: it takes its resources until the node has ended it. */
  adopt({ leaseId, tenant, generation, expiry, cores, memoryMiB, gpus }: LeaseHeld, node: ClusterNode): void {
    const { name, incarnation } = node;
    const share: LeaseShare = { node: name, cores, memoryMiB, gpus, incarnation, state: 'ending' };
    const record = this.table.get(leaseId);
    if (record === undefined) {
      const notBefore = this.#options.clock();
      this.open({ leaseId, tenant, generation, notBefore, expiry, shares: [share], ending: 'not-known' });
    } else {
      const others = record.shares.filter((other) => other.node !== name);
      this.#options.placement.take([share]);
      this.#replace({ ...record, shares: [...others, share] });
    }
  }

  /** A lease goes on until `expiry`, in its next generation. */
  renew(record: LeaseRecord, expiry: number): LeaseRecord {
    const renewed = { ...record, generation: record.generation + 1, expiry };
    this.#options.quotas.renew(record.tenant, record.leaseId, expiry);
    this.#replace(renewed);
    return renewed;
  }

  /** A lease that was granted is taken back before anybody was told of it: it never was. */
  revoke(leaseId: string): void {
    const record = this.table.get(leaseId);
    if (record !== undefined) {
      this.#forget(record);
      this.ledger.revoke(leaseId);
      this.#options.quotas.close(record.tenant, leaseId, record.notBefore);
      this.#options.onRevoked(leaseId);
      this.#options.placement.giveBack(record.shares.filter(isTaken));
    }
  }

  /** Begins the end of a lease, or of what it has on one node. */
  end(leaseId: string, reason: LeaseEndReason, node?: string): void {
    for (const share of this.#beginEnd(leaseId, reason, node)) {
      this.#options.onEnding(share.node, leaseId, reason);
    }
  }

  /** Nothing runs under a lease on a node any more, as its node says, or because it has started anew. */
  free(leaseId: string, node: string, reason: LeaseEndReason): void {
    this.#beginEnd(leaseId, reason, node);
    this.#release(leaseId, (share) => share.node === node, 'freed');
  }

  /** Takes a report of a node. */
  report(node: string, report: UsageReport): ReportOutcome {
    const outcome = this.ledger.report(node, report);
    if (outcome === 'taken') {
      const { leaseId, allocationId } = report;
      const end = this.ledger.account(leaseId)?.bill.end;
      if (end === undefined) {
        this.#markReport(leaseId, allocationId);
      } else {
        this.#markBill(leaseId, end);
      }
    }
    return outcome;
  }

  /** Calls back once everything of a lease is free, at once if it is. */
  onceFreed(leaseId: string, callback: () => void): void {
    if (this.table.get(leaseId) === undefined) {
      callback();
    } else {
      this.#whenFreed.set(leaseId, [...(this.#whenFreed.get(leaseId) ?? []), callback]);
    }
  }

  /** A node that could have confirmed is not there any more: its leases may have to be abandoned. */
  watchAgain(node: string): void {
    for (const record of this.table.onNode(node)) {
      this.#watch(record);
    }
  }

  nextDeadline(): number | undefined {
    return this.#deadlines.next();
  }

  /** Ends what has expired, and abandons what nobody has confirmed in time. */
  sweep(now: number): void {
    for (
      let leaseId = this.#deadlines.takeDue(now);
      leaseId !== undefined;
      leaseId = this.#deadlines.takeDue(now)
    ) {
      const record = this.table.get(leaseId);
      if (record !== undefined && record.expiry <= now) {
        this.end(leaseId, 'expired');
      }
      if (record !== undefined && record.expiry + this.#options.skewMs <= now) {
        this.#release(leaseId, ({ node }) => !this.#options.isConnected(node), 'abandoned');
      }
    }
    this.ledger.prune(now);
  }

  #beginEnd(leaseId: string, reason: LeaseEndReason, node?: string): readonly LeaseShare[] {
    const record = this.table.get(leaseId);
    if (record === undefined) {
      return [];
    }
    const ending = record.shares.filter(
      (share) => share.state === 'held' && (node === undefined || share.node === node),
    );
    const next = withShares(record, ending, 'ending', reason);
    if (ending.length > 0) {
      this.#replace(next);
    }
    if (record.ending === undefined && next.ending !== undefined) {
      this.#options.onEnded(leaseId, reason);
    }
    return ending;
  }

  #release(leaseId: string, isMeant: (share: LeaseShare) => boolean, state: 'freed' | 'abandoned'): void {
    const record = this.table.get(leaseId);
    const freed = record?.shares.filter((share) => share.state === 'ending' && isMeant(share)) ?? [];
    if (record === undefined || freed.length === 0) {
      return;
    }
    this.#options.placement.giveBack(freed);
    const next = withShares(record, freed, state, record.ending);
    if (next.shares.some(isTaken)) {
      this.#replace(next);
    } else {
      this.#close(next);
    }
    for (const { node } of freed) {
      this.#options.onFreed(node);
    }
  }

  #close(record: LeaseRecord): void {
    const { leaseId, ending = 'released', shares } = record;
    const account = this.ledger.account(leaseId);
    const end = account?.bill.end ?? this.#options.clock();
    if (isCounted(record)) {
      this.#options.quotas.close(record.tenant, leaseId, Math.min(end, record.expiry));
    }
    this.ledger.close(
      leaseId,
      end,
      ending,
      shares.every(({ state }) => state === 'freed'),
    );
    this.#markBill(leaseId, end);
    this.#forget(record);
    for (const allocationId of account?.reports.keys() ?? []) {
      this.#markReport(leaseId, allocationId);
    }
    const callbacks = this.#whenFreed.get(leaseId) ?? [];
    this.#whenFreed.delete(leaseId);
    for (const callback of callbacks) {
      callback();
    }
  }

  #forget({ leaseId }: LeaseRecord): void {
    this.table.delete(leaseId);
    this.#deadlines.delete(leaseId);
    this.#markLease(leaseId);
  }

  #replace(record: LeaseRecord): void {
    this.table.set(record);
    this.#watch(record);
    this.#markLease(record.leaseId);
  }

  #watch({ leaseId, expiry, ending }: LeaseRecord): void {
    this.#deadlines.set(leaseId, ending === undefined ? expiry : expiry + this.#options.skewMs);
  }

  #markLease(leaseId: string): void {
    this.#options.rows.mark(`lease/${leaseId}`, () => {
      const record = this.table.get(leaseId);
      return record === undefined ? undefined : encodeLease(record);
    });
  }

  #markReport(leaseId: string, allocationId: string): void {
    this.#options.rows.mark(`report/${leaseId}/${allocationId}`, () => {
      const account = this.#openAccount(leaseId);
      const report = account?.reports.get(allocationId);
      return report === undefined ? undefined : JSON.stringify(report);
    });
  }

  #markBill(leaseId: string, end: number): void {
    const account = this.ledger.account(leaseId);
    if (account !== undefined) {
      this.#options.rows.mark(billKey(end, leaseId), () => encodeBill(account));
    }
  }

  #openAccount(leaseId: string): Account | undefined {
    const account = this.ledger.account(leaseId);
    return account?.bill.end === undefined ? account : undefined;
  }
}

/** The key of a bill: bills lie in the order in which their leases ended. `end` is in milliseconds since 1970. */
export function billKey(end: number, leaseId: string): string {
  return `bill/${String(Math.floor(end)).padStart(13, '0')}/${leaseId}`;
}

/** Leases that were given up and are found again have been counted before. */
function isCounted({ ending }: LeaseRecord): boolean {
  return ending !== 'not-known';
}

/** The lease with some of its shares in another state; it ends as a whole once none is held. */
function withShares(
  record: LeaseRecord,
  changed: readonly LeaseShare[],
  state: LeaseShare['state'],
  reason: LeaseEndReason | undefined,
): LeaseRecord {
  const shares = record.shares.map((share) => (changed.includes(share) ? { ...share, state } : share));
  const isHeld = shares.some((share) => share.state === 'held');
  return { ...record, shares, ending: record.ending ?? (isHeld ? undefined : reason) };
}
