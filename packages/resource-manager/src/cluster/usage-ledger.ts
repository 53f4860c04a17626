import type { LeaseEndReason, Usage, UsageReport } from '@rfaas/core';
import type { Bill } from './cluster-view.ts';
import type { LeaseRecord } from './lease-record.ts';
import { totalResources } from './lease-record.ts';
import { addUsage, noUsage, usageOf } from './usage-sum.ts';

/** How long the bill of a lease is kept in memory after its end, for its tenant to ask for. */
export const billRetentionMs = 3600_000;

/** How long a node that was away may still report on a lease that was over without it. */
export const lateReportMs = 24 * 3600_000;

/** What a lease has cost: one account for each, open while the lease holds something. */
export interface Account {
  readonly bill: Bill;
  /** The last report of each allocation. */
  readonly reports: ReadonlyMap<string, UsageReport>;
  /** Whether the nodes of the lease have confirmed its end: then nothing more is reported. */
  readonly isComplete: boolean;
}

interface LiveAccount {
  bill: Bill;
  readonly reports: Map<string, UsageReport>;
  isComplete: boolean;
}

/** What became of a report. */
export type ReportOutcome = 'taken' | 'known' | 'unknown-lease';

/** The bill of every lease: what its nodes have reported for each of its allocations, each counted once. */
export class UsageLedger {
  readonly #accounts = new Map<string, LiveAccount>();
  readonly #tenants = new Map<string, Usage>();
  /** Closed accounts in the order in which they are forgotten: complete ones, and those that may still hear of something. */
  readonly #complete = new Set<string>();
  readonly #incomplete = new Set<string>();

  /** A lease is granted, or was there when the process started. */
  open({ leaseId, tenant, shares, notBefore }: LeaseRecord, reports: readonly UsageReport[] = []): void {
    const bill: Bill = {
      leaseId,
      tenant,
      nodes: shares.map(({ node }) => node),
      leased: totalResources(shares),
      start: notBefore,
      end: undefined,
      reason: undefined,
      usage: noUsage,
    };
    this.#restore({ bill, reports: new Map(), isComplete: false });
    for (const report of reports) {
      this.#take(leaseId, report);
    }
  }

  /** A bill of a lease that was over when the process started. */
  restoreClosed(account: Account): void {
    this.#restore({ ...account, reports: new Map(account.reports) });
    this.#queue(account.isComplete).add(account.bill.leaseId);
    this.#addToTenant(account.bill.tenant, account.bill.usage);
  }

  /** Counts what earlier bills of a tenant come to into its total: they are too old to be asked for. */
  addSettled(tenant: string, usage: Usage): void {
    this.#addToTenant(tenant, usage);
  }

  /**
   * Takes a report of `node`. Reports that are not newer than the last one of their allocation, that follow a final one,
   * or that are about leases of other nodes change nothing.
   */
  report(node: string, report: UsageReport): ReportOutcome {
    const account = this.#accounts.get(report.leaseId);
    if (account === undefined || account.isComplete || !account.bill.nodes.includes(node)) {
      return 'unknown-lease';
    }
    const last = account.reports.get(report.allocationId);
    if (last !== undefined && (last.final || report.sequence <= last.sequence)) {
      return 'known';
    }
    this.#take(report.leaseId, report);
    return 'taken';
  }

  account(leaseId: string): Account | undefined {
    return this.#accounts.get(leaseId);
  }

  /** The bill of a lease of `tenant`, or `undefined` if there is none. */
  usage(leaseId: string, tenant: string): Usage | undefined {
    const bill = this.#accounts.get(leaseId)?.bill;
    return bill?.tenant === tenant ? bill.usage : undefined;
  }

  /** What the leases of a tenant have used in all. */
  tenantUsage(tenant: string): Usage {
    return this.#tenants.get(tenant) ?? noUsage;
  }

  tenants(): readonly string[] {
    return [...this.#tenants.keys()];
  }

  /** The accounts of leases that hold something. */
  openBills(): readonly Bill[] {
    return [...this.#accounts.values()].flatMap(({ bill }) => (bill.end === undefined ? bill : []));
  }

  /** A lease holds nothing any more. */
  close(leaseId: string, end: number, reason: LeaseEndReason, isComplete: boolean): void {
    const account = this.#accounts.get(leaseId);
    if (account !== undefined) {
      account.bill = { ...account.bill, end, reason };
      account.isComplete = isComplete;
      this.#queue(isComplete).add(leaseId);
    }
  }

  /** As if the lease had never been: it was granted and nobody was told. */
  revoke(leaseId: string): void {
    this.#accounts.delete(leaseId);
  }

  /** Forgets bills that were kept long enough. */
  prune(now: number): void {
    for (const [queue, retention] of [
      [this.#complete, billRetentionMs],
      [this.#incomplete, lateReportMs],
    ] as const) {
      for (const leaseId of queue) {
        if ((this.#accounts.get(leaseId)?.bill.end ?? 0) + retention > now) {
          break;
        }
        queue.delete(leaseId);
        this.#accounts.delete(leaseId);
      }
    }
  }

  #restore(account: LiveAccount): void {
    this.#accounts.set(account.bill.leaseId, account);
  }

  #take(leaseId: string, report: UsageReport): void {
    const account = this.#accounts.get(leaseId);
    if (account === undefined) {
      return;
    }
    const last = account.reports.get(report.allocationId);
    account.reports.set(report.allocationId, report);
    const gained = usageOf(report, last);
    account.bill = { ...account.bill, usage: addUsage(account.bill.usage, gained) };
    this.#addToTenant(account.bill.tenant, gained);
  }

  #addToTenant(tenant: string, usage: Usage): void {
    this.#tenants.set(tenant, addUsage(this.tenantUsage(tenant), usage));
  }

  #queue(isComplete: boolean): Set<string> {
    return isComplete ? this.#complete : this.#incomplete;
  }
}
