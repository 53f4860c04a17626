import { setMaxListeners } from 'node:events';
import type { ExecutorThread } from './executor-thread.ts';

/** How long asynchronous waits spin before they go to the event loop, which takes some 15 µs to wake. */
export const DEFAULT_SPIN_MICROSECONDS = 50;

/** Rounds of spinning go on for at most this long before the event loop gets a turn. */
const TURN_MILLISECONDS = 1;

/** What the pump works for. */
export interface PumpOptions {
  readonly threads: readonly ExecutorThread[];
  readonly spinMicroseconds: number;
  /** Whether anybody waits for a reply. */
  readonly isNeeded: () => boolean;
  /** Called after each look at the queues: slots may have become free. */
  readonly onRound: () => void;
  /** The pump cannot go on. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * Collects the replies of asynchronous invocations: spins briefly, then sleeps in the event loop until a queue is
 * readable. While nobody waits it does nothing and keeps no process alive.
 */
export class CompletionPump {
  readonly #options: PumpOptions;
  readonly #sleeping = new Set<ExecutorThread>();
  #sleep = sleepController();
  #isScheduled = false;
  #isStopped = false;
  /** When this turn of the event loop began, as far as the pump knows; undefined until it works in it. */
  #turnStart: number | undefined;

  constructor(options: PumpOptions) {
    this.#options = options;
  }

  /** An invocation was sent: collect its reply after the present job. */
  kick(): void {
    if (this.#isScheduled || this.#isStopped) return;
    this.#schedule();
  }

  /** An invocation was given up: sleep on only if others wait. */
  reconsider(): void {
    if (this.#sleeping.size === 0 || this.#options.isNeeded()) return;
    this.#wakeAll();
  }

  /** Ends for good. */
  stop(): void {
    this.#isStopped = true;
    this.#wakeAll();
  }

  readonly #round = (): void => {
    this.#isScheduled = false;
    if (this.#isStopped) return;
    let count = 0;
    try {
      count = this.#collect();
      // Also without replies: a synchronous call may have taken those that freed a slot.
      this.#options.onRound();
    } catch (error) {
      this.#options.onFailure(error);
      return;
    }
    if (!this.#options.isNeeded()) return;
    if (count === 0) {
      this.#sleepUntilReadable();
    } else {
      this.#schedule();
    }
  };

  /**
   * The next round comes after the present job, or after a turn of the event loop, if there was none for a while: a
   * caller that invokes again as soon as it has a reply would let none turn.
   */
  #schedule(): void {
    this.#isScheduled = true;
    const now = performance.now();
    if (this.#turnStart === undefined) {
      this.#turnStart = now;
      setImmediate(() => {
        this.#turnStart = undefined;
      });
    }
    if (now - this.#turnStart < TURN_MILLISECONDS) queueMicrotask(this.#round);
    else setImmediate(this.#round);
  }

  #collect(): number {
    const busy = this.#options.threads.filter((thread) => thread.table.inFlight > 0);
    const [only] = busy;
    if (only === undefined) return 0;
    if (busy.length === 1) return only.spin(this.#options.spinMicroseconds);
    const end = performance.now() + this.#options.spinMicroseconds / 1000;
    let count = 0;
    do {
      for (const thread of busy) count += thread.poll();
    } while (count === 0 && performance.now() < end);
    return count;
  }

  #sleepUntilReadable(): void {
    for (const thread of this.#options.threads) {
      if (thread.isLost || thread.table.inFlight === 0 || this.#sleeping.has(thread)) continue;
      this.#sleeping.add(thread);
      const { signal } = this.#sleep;
      thread.queue.readable({ signal }).then(
        () => {
          this.#sleeping.delete(thread);
          this.kick();
        },
        (error: unknown) => {
          this.#sleeping.delete(thread);
          if (!signal.aborted && !thread.isLost) this.#options.onFailure(error);
        },
      );
    }
  }

  #wakeAll(): void {
    this.#sleep.abort();
    this.#sleep = sleepController();
    this.#sleeping.clear();
  }
}

/** Ends every sleep at once: each thread's listens to it, and Node would take more than ten for a leak. */
function sleepController(): AbortController {
  const controller = new AbortController();
  setMaxListeners(Number.POSITIVE_INFINITY, controller.signal);
  return controller;
}
