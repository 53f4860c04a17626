/** Looks at a peer within one peerTimeout; at half of them without a sign of life it is asked for one. */
export const looksPerTimeout = 8;

/** What a look at a silent peer leads to. */
export type KeepAliveVerdict = 'wait' | 'ask' | 'lost';

/**
 * Decides when a silent peer is asked for a sign of life and when it counts as lost. Counts looks instead of reading a
 * clock: a process that was stopped, or that was busy for long, looks once when it goes on, not once for each look that
 * it missed, and what arrived meanwhile is taken first.
 */
export class KeepAlive {
  #silentLooks = 0;

  /** Something came from the peer. */
  heard(): void {
    this.#silentLooks = 0;
  }

  /** Called `looksPerTimeout` times in every peerTimeout, after taking what arrived. */
  look(): KeepAliveVerdict {
    this.#silentLooks += 1;
    if (this.#silentLooks >= looksPerTimeout) {
      return 'lost';
    }
    return this.#silentLooks === looksPerTimeout / 2 ? 'ask' : 'wait';
  }
}
