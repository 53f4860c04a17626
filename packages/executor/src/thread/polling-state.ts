/** Longest single spin of a thread that is always hot: the loop looks at its state at least this often. */
const longestSpinMicroseconds = 1_000_000;

/**
 * Whether a thread spins for its next invocation (hot) or sleeps (warm), by `hotTimeout`: -1 always hot, 0 always warm,
 * else hot for that many milliseconds after the last work.
 */
export class PollingState {
  readonly #hotTimeoutMs: number;
  #warm: boolean;

  /** A thread begins as if work had just ended: its first invocation is about to come. */
  constructor(hotTimeoutMs: number) {
    this.#hotTimeoutMs = hotTimeoutMs;
    this.#warm = hotTimeoutMs === 0;
  }

  /** True while the thread shall sleep. */
  get warm(): boolean {
    return this.#warm;
  }

  /** The last work ended `idleMs` ago. True if this made a hot thread warm. */
  update(idleMs: number): boolean {
    if (this.#hotTimeoutMs <= 0) {
      return false;
    }
    const wasWarm = this.#warm;
    this.#warm = idleMs >= this.#hotTimeoutMs;
    return this.#warm && !wasWarm;
  }

  /** How long to spin, in microseconds, when the last work ended `idleMs` ago; 0 once the thread shall sleep. */
  spinMicroseconds(idleMs: number): number {
    if (this.#hotTimeoutMs < 0) {
      return longestSpinMicroseconds;
    }
    const left = Math.ceil((this.#hotTimeoutMs - idleMs) * 1000);
    return Math.min(Math.max(left, 0), longestSpinMicroseconds);
  }
}
