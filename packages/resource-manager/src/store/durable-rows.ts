import { errorMessage, RfaasError } from '@rfaas/core';
import type { RowChange, StateStore } from './state-store.ts';

/** How long to wait until rows that could not be stored are tried again, if nobody asks before. */
const retryMs = 1000;

/** Takes note of rows that have changed. */
export interface RowSink {
  /** `read` gives the row's present value when it is written: `undefined` if it is to be removed. */
  mark(key: string, read: () => string | undefined): void;
}

/** Notes nothing: state ends with the process. */
export const forgetfulRows: RowSink = { mark: () => undefined };

/** Hears of every group of rows that was stored. */
export type CommitListener = (nanoseconds: number, rows: number) => void;

interface Batch {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Brings changed rows to the store in groups: whatever changed while one group is being written goes into the next. A row
 * that could not be written stays changed and is tried again with the next group, in front of what changed after it.
 */
export class DurableRows implements RowSink {
  readonly #store: StateStore;
  readonly #onCommit: CommitListener;
  #changed = new Map<string, () => string | undefined>();
  #actions: (() => void)[] = [];
  #next: Batch | undefined;
  /** What is being written. */
  #current: Batch | undefined;
  #isClosed = false;
  #timer: NodeJS.Immediate | undefined;
  #retry: NodeJS.Timeout | undefined;
  #failure: RfaasError | undefined;

  constructor(store: StateStore, onCommit: CommitListener = () => undefined) {
    this.#store = store;
    this.#onCommit = onCommit;
  }

  /** Why the last group could not be stored; `undefined` if it was. */
  get failure(): RfaasError | undefined {
    return this.#failure;
  }

  mark(key: string, read: () => string | undefined): void {
    if (!this.#changed.has(key)) {
      this.#changed.set(key, read);
    }
    this.#schedule();
  }

  /** Resolves when everything that has changed up to now is stored. Rejects with RfaasError `RFAAS_ERR_STORE`. */
  async settled(): Promise<void> {
    if (this.#isClosed) {
      throw new RfaasError('RFAAS_ERR_STORE', 'nothing is stored any more: the resource manager is stopping');
    }
    if (this.#isSettled) {
      return this.#store.confirm();
    }
    this.#next ??= newBatch();
    this.#schedule();
    await this.#next.promise;
  }

  /**
   * Calls `action` once everything that has changed up to now is stored, after what was handed over before; never if it
   * cannot be stored. For what others are told: they must not act on what may be taken back.
   */
  whenStored(action: () => void): void {
    if (this.#isSettled) {
      action();
    } else {
      this.#actions.push(action);
    }
  }

  /** Stores what has changed and writes nothing any more. What cannot be stored is dropped, and the rejection says so. */
  async close(): Promise<void> {
    clearTimeout(this.#retry);
    try {
      await this.settled();
    } finally {
      this.abandon();
    }
  }

  /** Writes nothing any more; whoever waits is told that it was not stored. */
  abandon(): void {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    clearImmediate(this.#timer);
    this.#changed.clear();
    this.#actions = [];
    for (const batch of [this.#current, this.#next]) {
      batch?.reject(new RfaasError('RFAAS_ERR_NOT_LEADER', 'this resource manager does not serve any more'));
    }
  }

  get #isSettled(): boolean {
    return this.#changed.size === 0 && this.#current === undefined;
  }

  #schedule(): void {
    if (this.#current === undefined && !this.#isClosed) {
      // At the end of this turn of the event loop, so that requests that came together are stored together.
      this.#timer ??= setImmediate(() => {
        this.#timer = undefined;
        void this.#write();
      });
    }
  }

  async #write(): Promise<void> {
    clearTimeout(this.#retry);
    const batch = this.#next ?? newBatch();
    const group = this.#changed;
    const actions = this.#actions;
    this.#next = undefined;
    this.#changed = new Map();
    this.#actions = [];
    this.#current = batch;
    const start = process.hrtime.bigint();
    try {
      const changes: RowChange[] = [...group].map(([key, read]) => ({ key, value: read() }));
      if (changes.length > 0) {
        await this.#store.commit(changes);
        this.#onCommit(Number(process.hrtime.bigint() - start), changes.length);
      }
      this.#failure = undefined;
      batch.resolve();
      if (!this.#isClosed) {
        actions.forEach((action) => action());
      }
    } catch (error) {
      this.#failure = storeError(error);
      this.#changed = new Map([...group, ...this.#changed]);
      this.#actions = [...actions, ...this.#actions];
      batch.reject(this.#failure);
      if (!this.#isClosed) {
        this.#retry = setTimeout(() => this.#schedule(), retryMs).unref();
      }
    } finally {
      this.#current = undefined;
    }
    if (this.#next !== undefined || (this.#changed.size > 0 && this.#failure === undefined)) {
      this.#schedule();
    }
  }
}

function storeError(error: unknown): RfaasError {
  return error instanceof RfaasError
    ? error
    : new RfaasError('RFAAS_ERR_STORE', `the state could not be stored: ${errorMessage(error)}`, {
        cause: error,
      });
}

function newBatch(): Batch {
  let resolve!: () => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<void>((settle, fail) => {
    resolve = settle;
    reject = fail;
  });
  // Whoever waits hears of it; rows that nobody waits for are tried again.
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}
