/** Values that arrive on their own and are taken by asynchronous iteration; several iterations share them. */
export class AsyncQueue<Value> {
  readonly #values: Value[] = [];
  readonly #takers: ((result: IteratorResult<Value, undefined>) => void)[] = [];
  #ended = false;

  /** Adds a value; false when the queue has ended and nobody will take it. */
  push(value: Value): boolean {
    if (this.#ended) {
      return false;
    }
    const taker = this.#takers.shift();
    if (taker === undefined) {
      this.#values.push(value);
    } else {
      taker({ done: false, value });
    }
    return true;
  }

  /** Ends every iteration; returns the values that nobody took. */
  end(): Value[] {
    this.#ended = true;
    for (const taker of this.#takers.splice(0)) {
      taker({ done: true, value: undefined });
    }
    return this.#values.splice(0);
  }

  async *values(): AsyncGenerator<Value, void, undefined> {
    for (;;) {
      const result = await this.#next();
      if (result.done === true) {
        return;
      }
      yield result.value;
    }
  }

  async #next(): Promise<IteratorResult<Value, undefined>> {
    const value = this.#values.shift();
    if (value !== undefined) {
      return { done: false, value };
    }
    if (this.#ended) {
      return { done: true, value: undefined };
    }
    return new Promise((resolve) => {
      this.#takers.push(resolve);
    });
  }
}
