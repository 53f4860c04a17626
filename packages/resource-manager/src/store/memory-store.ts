import type { Row, RowChange, StateStore } from './state-store.ts';

/** A store that ends with the process: for tests, simulations and clusters that need no memory. */
export class MemoryStore implements StateStore {
  readonly name = 'memory';
  readonly #rows = new Map<string, string>();

  constructor(rows: Iterable<Row> = []) {
    for (const { key, value } of rows) {
      this.#rows.set(key, value);
    }
  }

  async *scan(from: string, to: string): AsyncIterable<Row> {
    const keys = [...this.#rows.keys()].filter((key) => key >= from && key < to).sort();
    for (const key of keys) {
      const value = this.#rows.get(key);
      if (value !== undefined) {
        yield await Promise.resolve({ key, value });
      }
    }
  }

  commit(changes: readonly RowChange[]): Promise<void> {
    for (const { key, value } of changes) {
      if (value === undefined) {
        this.#rows.delete(key);
      } else {
        this.#rows.set(key, value);
      }
    }
    return Promise.resolve();
  }

  confirm(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
