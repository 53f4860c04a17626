import type { Logger, UsageReport } from '@rfaas/core';
import type { BillCollector } from './bill-collector.ts';

/** Where there is no resource manager: final bills go to the log. */
export class LogBills implements BillCollector {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  usageReported(report: UsageReport): void {
    if (report.final) {
      this.#logger.info('usage', { ...report });
    }
  }

  leaseEnded(leaseId: string): void {
    this.#logger.info('lease ended', { leaseId });
  }

  nodeLeaves(graceMs: number): void {
    this.#logger.info('draining', { graceMs });
  }
}
