/** Longest delay of a timer of Node; what is due later is looked at again. */
const longestDelayMs = 2 ** 31 - 1;
const longestWarningMs = 30_000;

/** What happens at the times of a lease. */
export interface LeaseTimerEvents {
  /** The lease is about to expire. */
  warn(leaseId: string, expiry: number): void;
  expire(leaseId: string): void;
}

interface Timers {
  /** When the lease expires, as `performance.now` tells time. */
  readonly end: number;
  warning: NodeJS.Timeout | undefined;
  expiry: NodeJS.Timeout | undefined;
}

/**
 * Watches the expiry of leases that have allocations. What is left of a lease is counted once, when it is shown: a host
 * whose clock is set later ends leases neither earlier nor later for that.
 */
export class LeaseTimers {
  readonly #events: LeaseTimerEvents;
  readonly #now: () => number;
  readonly #timers = new Map<string, Timers>();

  /** `now` is in milliseconds since 1970, as expiries are. */
  constructor(events: LeaseTimerEvents, now: () => number) {
    this.#events = events;
    this.#now = now;
  }

  /** Watches a lease; a renewed one by its new expiry. `asOf`: what the host's clock showed when its token was verified. */
  watch(leaseId: string, expiry: number, asOf = this.#now()): void {
    const now = performance.now();
    const end = now + expiry - asOf;
    const existing = this.#timers.get(leaseId);
    if (existing !== undefined && existing.end >= end) {
      return;
    }
    this.forget(leaseId);
    const timers: Timers = { end, warning: undefined, expiry: undefined };
    this.#timers.set(leaseId, timers);
    this.#at(
      warningTime(now, end),
      (timer) => (timers.warning = timer),
      () => this.#events.warn(leaseId, Math.round(this.#now() + end - performance.now())),
    );
    this.#at(
      end,
      (timer) => (timers.expiry = timer),
      () => {
        this.#timers.delete(leaseId);
        this.#events.expire(leaseId);
      },
    );
  }

  /** Stops watching a lease. */
  forget(leaseId: string): void {
    const timers = this.#timers.get(leaseId);
    clearTimeout(timers?.warning);
    clearTimeout(timers?.expiry);
    this.#timers.delete(leaseId);
  }

  /** Stops watching all of them. */
  close(): void {
    for (const leaseId of [...this.#timers.keys()]) {
      this.forget(leaseId);
    }
  }

  #at(time: number, keep: (timer: NodeJS.Timeout) => void, action: () => void): void {
    const left = time - performance.now();
    if (left > longestDelayMs) {
      keep(setTimeout(() => this.#at(time, keep, action), longestDelayMs));
    } else {
      keep(setTimeout(action, Math.max(0, left)));
    }
  }
}

/** When to warn of an expiry: 30 s ahead, and for short leases when a tenth of the time is left. */
export function warningTime(now: number, expiry: number): number {
  return expiry - Math.min(longestWarningMs, Math.max(0, expiry - now) / 10);
}
