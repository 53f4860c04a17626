import { describeError } from './time-limit.ts';

/** So close to the expiry a renewal would come too late. */
const LATEST_MS = 10;
/** The longest time that a timer of Node.js can wait. */
const LONGEST_WAIT_MS = 2 ** 31 - 1;

/** What a renewal works with. */
export interface LeaseRenewalParts {
  readonly isInUse: () => boolean;
  /** Renews; resolves to the new end, as `performance.now` tells time. */
  readonly renew: () => Promise<number>;
}

/**
 * Renews a lease again and again while it is in use: when half of its time has passed, and if that fails or it is idle,
 * when half of the rest has passed, and so on.
 */
export class LeaseRenewal {
  readonly #parts: LeaseRenewalParts;
  #timer: NodeJS.Timeout | undefined;
  #failure: string | undefined;
  #isStopped = false;

  /** `end` is when the lease ends, as `performance.now` tells time: the host's clock may be set. */
  constructor(end: number, parts: LeaseRenewalParts) {
    this.#parts = parts;
    this.#schedule(end);
  }

  /** Why the last attempt failed. */
  get failure(): string | undefined {
    return this.#failure;
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #schedule(end: number): void {
    const left = end - performance.now();
    if (!this.#isStopped && left > LATEST_MS) {
      this.#timer = setTimeout(() => void this.#attempt(end), Math.min(left / 2, LONGEST_WAIT_MS));
      this.#timer.unref();
    }
  }

  async #attempt(end: number): Promise<void> {
    let next = end;
    if (this.#parts.isInUse()) {
      try {
        next = await this.#parts.renew();
        this.#failure = undefined;
      } catch (error) {
        // The node warns before the lease ends; until then there is time for another attempt.
        this.#failure = describeError(error);
      }
    }
    this.#schedule(next);
  }
}

/**
 * When a lease ends that was granted until `expiry` of the host's clock, as `performance.now` tells time. Somebody may have set
 * that clock since the grant was written: it ends no earlier than it did `before`, and at most so long from now as it was
 * asked for.
 */
export function grantedEnd(expiry: number, atMostMs: number, before = 0): number {
  const now = performance.now();
  return Math.max(before, now + Math.min(expiry - Date.now(), atMostMs));
}
