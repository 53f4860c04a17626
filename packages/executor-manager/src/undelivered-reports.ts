import type { OutgoingMessage, UsageReport } from '@rfaas/core';

/** Final reports and ends of leases kept for a resource manager that is away; beyond it the oldest are dropped. */
const capacity = 100_000;

/** What the resource manager has still to be told: of each allocation the newest report, and which leases ended. */
export class UndeliveredReports {
  readonly #reports = new Map<string, UsageReport>();
  readonly #endedLeases = new Set<string>();
  #dropped = 0;

  /** Reports that had to be dropped since the last time somebody asked. */
  takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }

  addReport(report: UsageReport): void {
    this.#reports.delete(report.allocationId);
    this.#reports.set(report.allocationId, report);
    this.#limit(this.#reports);
  }

  addEndedLease(leaseId: string): void {
    this.#endedLeases.add(leaseId);
    this.#limit(this.#endedLeases);
  }

  /** The next message, reports in front of the ends of their leases; undefined when everything was told. */
  take(): OutgoingMessage | undefined {
    for (const [allocationId, report] of this.#reports) {
      this.#reports.delete(allocationId);
      return { kind: 'usage-report', ...report };
    }
    for (const leaseId of this.#endedLeases) {
      this.#endedLeases.delete(leaseId);
      return { kind: 'lease-ended', leaseId };
    }
    return undefined;
  }

  /** Gives back a message that could not be sent; a newer report of the same allocation wins. */
  giveBack(message: OutgoingMessage): void {
    if (message.kind === 'usage-report' && !this.#reports.has(message.allocationId)) {
      const { kind: _kind, ...report } = message;
      this.#reports.set(report.allocationId, report);
    } else if (message.kind === 'lease-ended') {
      this.#endedLeases.add(message.leaseId);
    }
  }

  #limit(entries: Map<string, unknown> | Set<string>): void {
    for (const key of entries.keys()) {
      if (entries.size <= capacity) {
        return;
      }
      entries.delete(key);
      this.#dropped += 1;
    }
  }
}
