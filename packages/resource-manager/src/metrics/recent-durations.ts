/** Quantiles of what was measured lately. */
export interface DurationSummary {
  /** How many measurements these are. */
  readonly count: number;
  /** Seconds; `null` without any measurement. */
  readonly p50: number | null;
  readonly p99: number | null;
}

/** The last durations that were measured: a ring, so that a live view costs a fixed amount of memory. */
export class RecentDurations {
  readonly #seconds: Float64Array;
  readonly #moments: Float64Array;
  #next = 0;

  constructor(capacity: number) {
    this.#seconds = new Float64Array(capacity);
    this.#moments = new Float64Array(capacity).fill(-Infinity);
  }

  /** `now` is on the clock that {@link summary} is asked with, in milliseconds. */
  add(seconds: number, now: number): void {
    this.#seconds[this.#next] = seconds;
    this.#moments[this.#next] = now;
    this.#next = (this.#next + 1) % this.#seconds.length;
  }

  /** Of what was added in the last `windowMs`, as far as the ring reaches back. */
  summary(windowMs: number, now: number): DurationSummary {
    const recent = this.#seconds.filter((_, index) => (this.#moments[index] ?? 0) > now - windowMs).sort();
    const at = (part: number): number | null =>
      recent[Math.min(recent.length - 1, Math.floor(recent.length * part))] ?? null;
    return { count: recent.length, p50: at(0.5), p99: at(0.99) };
  }
}
