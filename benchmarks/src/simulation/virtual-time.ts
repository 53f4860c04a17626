import { setImmediate as turn } from 'node:timers/promises';
import { ActionHeap } from './action-heap.ts';

/** How far virtual time runs at most. */
export interface RunLimits {
  readonly end?: number;
  readonly signal?: AbortSignal | undefined;
}

const ACTIONS_PER_TURN = 5000;

/** A clock that jumps from one planned action to the next. Times are milliseconds since its start. */
export class VirtualTime {
  readonly #planned = new ActionHeap();
  #now = 0;
  #count = 0;

  get now(): number {
    return this.#now;
  }

  /** Plans an action; one whose time is over runs as soon as possible. */
  at(time: number, act: () => void): void {
    this.#count += 1;
    this.#planned.push({ at: Math.max(time, this.#now), number: this.#count, act });
  }

  after(delay: number, act: () => void): void {
    this.at(this.#now + delay, act);
  }

  /**
   * Runs what is planned, in order, until nothing is left up to the time `end`, or `isOver` says so. Lets signals be heard
   * now and then.
   *
   * @throws the reason of `signal` once it is aborted
   */
  async run(isOver: () => boolean, { end = Infinity, signal }: RunLimits = {}): Promise<void> {
    for (let actions = 1; !isOver(); actions += 1) {
      const next = this.#planned.peek();
      if (next === undefined || next.at > end) {
        return;
      }
      this.#planned.pop();
      this.#now = next.at;
      next.act();
      if (actions % ACTIONS_PER_TURN === 0) {
        await turn();
        signal?.throwIfAborted();
      }
    }
  }
}
