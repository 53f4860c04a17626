/** What the scheduler asks of a thread: how many invocations it could take now. */
export interface SchedulableThread {
  readonly freeCount: number;
}

/**
 * Spreads invocations over the threads of an executor and keeps those that must wait, first come first served.
 *
 * A thread with more free slots goes first, so that work in flight is even; among equals they take turns.
 */
export class InvocationScheduler<Waiting> {
  readonly #threads: readonly SchedulableThread[];
  /** A Set keeps the order of insertion and forgets in constant time, which cancellations need. */
  readonly #waiting = new Set<Waiting>();
  #turn = 0;

  constructor(threads: readonly SchedulableThread[]) {
    this.#threads = threads;
  }

  /** How many wait for a slot. */
  get waitingCount(): number {
    return this.#waiting.size;
  }

  /** The thread for the next invocation, or -1 when every slot is busy. */
  pick(): number {
    const count = this.#threads.length;
    if (count === 1) return this.#threads[0]!.freeCount > 0 ? 0 : -1;
    let best = -1;
    let bestFree = 0;
    for (let step = 0; step < count; step += 1) {
      const index = (this.#turn + step) % count;
      const free = this.#threads[index]!.freeCount;
      if (free > bestFree) {
        best = index;
        bestFree = free;
      }
    }
    if (best >= 0) this.#turn = (best + 1) % count;
    return best;
  }

  /** Puts an invocation at the end of the line. */
  wait(invocation: Waiting): void {
    this.#waiting.add(invocation);
  }

  /** Takes an invocation out of the line; false when it is no longer there. */
  forget(invocation: Waiting): boolean {
    return this.#waiting.delete(invocation);
  }

  /** Takes the first of the line, if a thread has a free slot for it. */
  next(): { readonly invocation: Waiting; readonly thread: number } | undefined {
    const first = this.#waiting.values().next();
    if (first.done === true) return undefined;
    const thread = this.pick();
    if (thread < 0) return undefined;
    this.#waiting.delete(first.value);
    return { invocation: first.value, thread };
  }

  /** Empties the line and returns who stood in it, in order. */
  drain(): Waiting[] {
    const all = [...this.#waiting];
    this.#waiting.clear();
    return all;
  }
}
