import type { OutgoingMessage, UsageReport } from '@rfaas/core';

/** Reports and ends of leases kept for a resource manager that is away; beyond it the oldest are dropped. */
const capacity = 100_000;

/**
 * What the resource manager has still to be told, and what it was told and has not stored yet: of each allocation the
 * newest report, and which leases ended.
 */
export class UndeliveredReports {
  readonly #reports = new Map<string, UsageReport>();
  readonly #endedLeases = new Set<string>();
  /** Told on this connection and not confirmed. */
  readonly #told = new Map<string, UsageReport>();
  #dropped = 0;

  /** Reports that had to be dropped since the last time somebody asked. */
  takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }

  /** Reports that the resource manager has not confirmed. */
  get unconfirmed(): number {
    return this.#reports.size + this.#told.size;
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
      this.#told.set(allocationId, report);
      this.#limit(this.#told);
      return { kind: 'usage-report', ...report };
    }
    for (const leaseId of this.#endedLeases) {
      this.#endedLeases.delete(leaseId);
      return { kind: 'lease-ended', leaseId };
    }
    return undefined;
  }

  /** The resource manager has stored a report. */
  confirm(allocationId: string, sequence: number): void {
    if ((this.#told.get(allocationId)?.sequence ?? Number.POSITIVE_INFINITY) <= sequence) {
      this.#told.delete(allocationId);
    }
  }

  /** The connection is gone: what was not confirmed must be told again, in front of everything else. */
  giveBackTold(): void {
    const newer = [...this.#reports.values()];
    this.#reports.clear();
    for (const report of [...this.#told.values(), ...newer]) {
      this.#reports.set(report.allocationId, report);
    }
    this.#told.clear();
  }

  /** Gives back an end of a lease that could not be sent. */
  giveBack(message: OutgoingMessage): void {
    if (message.kind === 'lease-ended') {
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
