interface Entry<K> {
  readonly time: number;
  readonly key: K;
}

/** What is due when: one time for each key, the earliest first, in logarithmic time. */
export class DeadlineHeap<K> {
  readonly #times = new Map<K, number>();
  /** Replaced and removed keys leave their entries behind, which are passed over. */
  #heap: Entry<K>[] = [];

  /** Sets or replaces the time of a key. */
  set(key: K, time: number): void {
    if (this.#times.get(key) === time) {
      return;
    }
    this.#times.set(key, time);
    this.#push({ time, key });
    if (this.#heap.length > 64 + 4 * this.#times.size) {
      this.#rebuild();
    }
  }

  delete(key: K): void {
    this.#times.delete(key);
  }

  /** The earliest time. */
  next(): number | undefined {
    this.#dropStale();
    return this.#heap[0]?.time;
  }

  /** Takes the earliest key out if its time has come. */
  takeDue(now: number): K | undefined {
    const next = this.next();
    if (next === undefined || next > now) {
      return undefined;
    }
    const { key } = this.#pop();
    this.#times.delete(key);
    return key;
  }

  #dropStale(): void {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (this.#times.get(first.key) === first.time) {
        return;
      }
      this.#pop();
    }
  }

  #rebuild(): void {
    this.#heap = [];
    for (const [key, time] of this.#times) {
      this.#push({ time, key });
    }
  }

  #push(entry: Entry<K>): void {
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent]!;
      if (above.time <= entry.time) {
        break;
      }
      heap[at] = above;
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): Entry<K> {
    const heap = this.#heap;
    const first = heap[0]!;
    const last = heap.pop()!;
    const size = heap.length;
    if (size > 0) {
      let at = 0;
      for (;;) {
        let child = 2 * at + 1;
        if (child + 1 < size && heap[child + 1]!.time < heap[child]!.time) {
          child += 1;
        }
        if (child >= size || heap[child]!.time >= last.time) {
          break;
        }
        heap[at] = heap[child]!;
        at = child;
      }
      heap[at] = last;
    }
    return first;
  }
}
