/** What one thread has used since its start. */
export interface ThreadUsage {
  /** Spinning without work. */
  readonly hotPollingNs: number;
  /** Inside functions. */
  readonly executionNs: number;
  readonly invocations: number;
  /** Times that it went from spinning to sleeping. */
  readonly hotToWarm: number;
}

/** Nothing was used. */
export const noUsage: ThreadUsage = { hotPollingNs: 0, executionNs: 0, invocations: 0, hotToWarm: 0 };

/** Turns totals since a thread's start into what is still to be reported. */
export class UsageMeter {
  #reported = noUsage;

  /** What `totals` has beyond what was taken before; undefined if that is nothing. */
  take(totals: ThreadUsage): ThreadUsage | undefined {
    const difference = {
      hotPollingNs: totals.hotPollingNs - this.#reported.hotPollingNs,
      executionNs: totals.executionNs - this.#reported.executionNs,
      invocations: totals.invocations - this.#reported.invocations,
      hotToWarm: totals.hotToWarm - this.#reported.hotToWarm,
    };
    if (Object.values(difference).every((value) => value <= 0)) {
      return undefined;
    }
    this.#reported = { ...totals };
    return difference;
  }
}
