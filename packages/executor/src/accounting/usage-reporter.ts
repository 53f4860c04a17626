import type { ThreadUsage } from './usage-meter.ts';

/** Tells the executor manager what a thread used. */
export interface UsageReporter {
  /** Totals begin at zero again: the thread serves anew. */
  restart(): void;
  /** `totals` are since the thread began to serve; called about every flush interval and never while a function runs. */
  report(totals: ThreadUsage): void;
  /** Waits until what was reported has arrived, at most a moment. */
  flush(): Promise<void>;
}

/** Tells nobody. */
export const noReporter: UsageReporter = {
  restart: () => undefined,
  report: () => undefined,
  flush: async () => Promise.resolve(),
};
