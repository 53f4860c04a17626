/** Counters of one worker thread, as its executor adds them up. */
export interface ThreadCounters {
  readonly hotPollingNs: number;
  readonly executionNs: number;
  readonly invocations: number;
  /** Times that it went from spinning to sleeping. */
  readonly hotToWarm: number;
}

/** Nothing was used. */
export const noCounters: ThreadCounters = { hotPollingNs: 0, executionNs: 0, invocations: 0, hotToWarm: 0 };

/** What one allocation has used since its start. */
export interface AllocationUsage extends ThreadCounters {
  /** Counts up with each reading. */
  readonly sequence: number;
  /** Cores times the time for which they were held, by the manager's clock. */
  readonly coreNanoseconds: number;
  /** Memory times the time for which it was held, by the same clock. */
  readonly mebibyteMilliseconds: number;
}

/**
 * The bill of one allocation. The counters come from a process that runs the client's code: they never go back here, and
 * a thread cannot have been busy for longer than it was there.
 */
export class UsageAccount {
  readonly #startNs: number;
  readonly #memoryMiB: number;
  readonly #threads: ThreadCounters[];
  #sequence = 0;

  /** `startNs` is when the cores were taken, on a monotonic clock. */
  constructor(threads: number, memoryMiB: number, startNs: number) {
    this.#startNs = startNs;
    this.#memoryMiB = memoryMiB;
    this.#threads = Array.from({ length: threads }, () => noCounters);
  }

  /** Takes the counters as they are read now. */
  read(counters: readonly ThreadCounters[], nowNs: number): AllocationUsage {
    const elapsed = Math.max(0, nowNs - this.#startNs);
    this.#threads.forEach((before, index) => {
      this.#threads[index] = bounded(before, counters[index] ?? before, elapsed);
    });
    this.#sequence += 1;
    return {
      sequence: this.#sequence,
      coreNanoseconds: Math.round(elapsed * this.#threads.length),
      mebibyteMilliseconds: Math.round((elapsed / 1e6) * this.#memoryMiB),
      hotPollingNs: total(this.#threads, 'hotPollingNs'),
      executionNs: total(this.#threads, 'executionNs'),
      invocations: total(this.#threads, 'invocations'),
      hotToWarm: total(this.#threads, 'hotToWarm'),
    };
  }
}

function bounded(before: ThreadCounters, now: ThreadCounters, elapsed: number): ThreadCounters {
  const executionNs = Math.min(Math.max(before.executionNs, now.executionNs), elapsed - before.hotPollingNs);
  const hotPollingNs = Math.min(Math.max(before.hotPollingNs, now.hotPollingNs), elapsed - executionNs);
  const counted = (field: 'invocations' | 'hotToWarm'): number =>
    Math.min(Math.max(before[field], now[field]), Number.MAX_SAFE_INTEGER);
  return { executionNs, hotPollingNs, invocations: counted('invocations'), hotToWarm: counted('hotToWarm') };
}

function total(threads: readonly ThreadCounters[], field: keyof ThreadCounters): number {
  const sum = threads.reduce((value, thread) => value + thread[field], 0);
  return Math.round(Math.min(sum, Number.MAX_SAFE_INTEGER));
}
