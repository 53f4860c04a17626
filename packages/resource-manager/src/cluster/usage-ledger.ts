import type { Usage, UsageReport } from '@rfaas/core';

interface Account {
  readonly tenant: string;
  readonly node: string;
  /** The last report of each allocation. */
  readonly reports: Map<string, UsageReport>;
  /** When the lease's resources were freed. */
  closedAt: number | undefined;
}

/** How long the bill of a lease can be asked for after its end. */
export const billRetentionMs = 3600_000;

/** The bill of every lease: what its node has reported for each of its allocations. */
export class UsageLedger {
  readonly #accounts = new Map<string, Account>();

  open(leaseId: string, tenant: string, node: string): void {
    this.#accounts.set(leaseId, { tenant, node, reports: new Map(), closedAt: undefined });
  }

  /**
   * Takes a report of `node`. Reports that are not newer than the last one of their allocation, that follow a final one,
   * or that are about leases of other nodes change nothing.
   *
   * @returns whether the bill has changed
   */
  report(node: string, report: UsageReport): boolean {
    const account = this.#accounts.get(report.leaseId);
    if (account?.node !== node) {
      return false;
    }
    const last = account.reports.get(report.allocationId);
    if (last !== undefined && (last.final || report.sequence <= last.sequence)) {
      return false;
    }
    account.reports.set(report.allocationId, report);
    return true;
  }

  /** The bill of a lease of `tenant`, or `undefined` if there is none. */
  usage(leaseId: string, tenant: string): Usage | undefined {
    const account = this.#accounts.get(leaseId);
    return account?.tenant === tenant ? sum(account.reports) : undefined;
  }

  /** The lease's resources are free: its bill is kept for {@link billRetentionMs}. */
  close(leaseId: string, now: number): void {
    const account = this.#accounts.get(leaseId);
    if (account !== undefined) {
      account.closedAt = now;
    }
  }

  /** Forgets bills that were kept long enough. */
  prune(now: number): void {
    for (const [leaseId, { closedAt }] of this.#accounts) {
      if (closedAt !== undefined && closedAt + billRetentionMs <= now) {
        this.#accounts.delete(leaseId);
      }
    }
  }
}

function sum(reports: ReadonlyMap<string, UsageReport>): Usage {
  const total = {
    allocations: reports.size,
    invocations: 0,
    hotPollingNs: 0,
    executionNs: 0,
    coreNanoseconds: 0,
  };
  for (const report of reports.values()) {
    total.invocations += report.invocations;
    total.hotPollingNs += report.hotPollingNs;
    total.executionNs += report.executionNs;
    total.coreNanoseconds += report.coreNanoseconds;
  }
  return total;
}
