/** Looks at a peer within one peerTimeout. */
export const looksPerTimeout = 8;

/** Looks without a sign of life after which it is asked for one: most of its time is left for what networks lose. */
const looksBeforeQuestion = 2;

/** A timer may come a little early: a look that is due must not wait for the next one. */
const tolerance = 0.1;

/** What a look at a silent peer leads to. */
export type KeepAliveVerdict = 'wait' | 'ask' | 'lost';

/**
 * Decides when a silent peer is asked for a sign of life and when it counts as lost. Counts looks: a process that was
 * stopped, or that was busy for long, looks once when it goes on, not once for each look that it missed, and what arrived
 * meanwhile is taken first.
 */
export class KeepAlive {
  /** Milliseconds of silence after which the peer is lost; Infinity: never. */
  readonly timeoutMs: number;
  #nextLook: number;
  #silentLooks: number;

  /**
   * `now` in milliseconds, of the clock that `look` is told of. Until its first word the peer has `firstWordMs`, where
   * that is longer than the time-out.
   */
  constructor(timeoutMs: number, now: number, firstWordMs = 0) {
    this.timeoutMs = timeoutMs;
    this.#nextLook = now + this.intervalMs * (1 - tolerance);
    this.#silentLooks = Math.min(0, looksPerTimeout - Math.ceil(firstWordMs / this.intervalMs));
  }

  /** Milliseconds from look to look. */
  get intervalMs(): number {
    return this.timeoutMs / looksPerTimeout;
  }

  /** Something came from the peer. */
  heard(): void {
    this.#silentLooks = 0;
  }

  /** Called after taking what arrived, at least once in every interval; does nothing where it is not time for a look. */
  look(now: number): KeepAliveVerdict {
    if (now < this.#nextLook) {
      return 'wait';
    }
    this.#nextLook = now + this.intervalMs * (1 - tolerance);
    this.#silentLooks += 1;
    if (this.#silentLooks >= looksPerTimeout) {
      return 'lost';
    }
    return this.#silentLooks === looksBeforeQuestion ? 'ask' : 'wait';
  }
}
