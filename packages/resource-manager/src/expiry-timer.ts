import type { Clock } from '@rfaas/core';

/** The longest time that a timer of Node.js can wait. */
const longestWaitMs = 2 ** 31 - 1;

/** One timer for the next moment at which something expires; set anew whenever that changes. */
export class ExpiryTimer {
  readonly #clock: Clock;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `action` at `deadline`, or earlier for one that is very far away; `undefined` waits for nothing. */
  set(deadline: number | undefined, action: () => void): void {
    clearTimeout(this.#timer);
    if (deadline !== undefined && !this.#isClosed) {
      const wait = Math.min(Math.max(0, deadline - this.#clock()), longestWaitMs);
      this.#timer = setTimeout(action, wait);
    }
  }

  /** Calls nothing any more, whatever is set. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }
}
