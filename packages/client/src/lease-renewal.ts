import { describeError } from './time-limit.ts';

/** So close to the expiry a renewal would come too late. */
const LATEST_MS = 10;
/** The longest time that a timer of Node.js can wait. */
const LONGEST_WAIT_MS = 2 ** 31 - 1;

/** What a renewal works with. */
export interface LeaseRenewalParts {
  readonly isInUse: () => boolean;
  /** Renews; resolves to the new expiry in milliseconds since 1970. */
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

  /** `expiry` is in milliseconds since 1970. */
  constructor(expiry: number, parts: LeaseRenewalParts) {
    this.#parts = parts;
    this.#schedule(expiry);
  }

  /** Why the last attempt failed. */
  get failure(): string | undefined {
    return this.#failure;
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #schedule(expiry: number): void {
    const left = expiry - Date.now();
    if (!this.#isStopped && left > LATEST_MS) {
      this.#timer = setTimeout(() => void this.#attempt(expiry), Math.min(left / 2, LONGEST_WAIT_MS));
      this.#timer.unref();
    }
  }

  async #attempt(expiry: number): Promise<void> {
    let next = expiry;
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
