import type { ThreadUsage } from './usage-meter.ts';

/** Tells the executor manager what a thread used. */
export interface UsageReporter {
  /** `totals` are since the thread's start; called about every flush interval and never while a function runs. */
  report(totals: ThreadUsage): void;
  /** Waits until what was reported has arrived, at most a moment, and lets go of the connection. */
  close(): Promise<void>;
}
