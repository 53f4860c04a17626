import { InvalidArgumentError } from '../errors.ts';
import type {
  CompletionQueue,
  CompletionQueueOptions,
  ReadableOptions,
} from '../transport/completion-queue.ts';
import type { WorkCompletionBatch } from '../transport/work-completion.ts';
import { abortReason } from './abort-reason.ts';
import { closedError } from './native-error.ts';
import type { NativeProtectionDomain } from './native-protection-domain.ts';
import type { Shim } from './shim.ts';

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** A completion queue over any native transport. */
export class NativeCompletionQueue implements CompletionQueue {
  readonly id: number;
  readonly domain: NativeProtectionDomain;
  readonly #shim: Shim;
  readonly #waiters = new Set<Waiter>();
  #handle: number;

  constructor(domain: NativeProtectionDomain, options: CompletionQueueOptions) {
    if (!Number.isInteger(options.depth) || options.depth < 1 || options.depth > 0x7fffffff) {
      throw new InvalidArgumentError(`a completion queue cannot be ${options.depth} deep`, {
        operation: 'createCompletionQueue',
      });
    }
    const { shim } = domain;
    const result = new BigUint64Array(1);
    const solicitedOnly = options.solicitedOnly === true ? 1 : 0;
    this.id = shim.check(
      shim.call.shim_queue_open(domain.handle, options.depth, solicitedOnly, result),
      'shim_queue_open',
    );
    this.domain = domain;
    this.#shim = shim;
    this.#handle = Number(result[0]);
    domain.bridge.subscribe('queue', this.id, () => this.#wake());
  }

  get nativeHandle(): number {
    if (this.#handle === 0) {
      throw closedError('completion queue', 'use it');
    }
    return this.#handle;
  }

  poll(batch: WorkCompletionBatch): number {
    const taken = this.#shim.call.shim_queue_poll(this.nativeHandle, batch.words, batch.capacity);
    return this.#filled(batch, taken);
  }

  spin(batch: WorkCompletionBatch, microseconds: number): number {
    const taken = this.#shim.call.shim_queue_spin(
      this.nativeHandle,
      batch.words,
      batch.capacity,
      microseconds >>> 0,
    );
    return this.#filled(batch, taken);
  }

  block(batch: WorkCompletionBatch, timeoutMs: number): number {
    const taken = this.#shim.call.shim_queue_block(
      this.nativeHandle,
      batch.words,
      batch.capacity,
      timeoutMs | 0,
    );
    return this.#filled(batch, taken);
  }

  async readable(options: ReadableOptions = {}): Promise<void> {
    const { signal } = options;
    const handle = this.nativeHandle;
    signal?.throwIfAborted();
    // With a waiter the queue is armed already, or its event is on the way.
    if (
      this.#waiters.size === 0 &&
      this.#shim.check(this.#shim.call.shim_queue_arm(handle), 'shim_queue_arm') === 1
    ) {
      return;
    }
    this.domain.bridge.hold();
    let waiter: Waiter | undefined;
    let abort: (() => void) | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        waiter = { resolve, reject };
        abort = () => reject(abortReason(signal));
        this.#waiters.add(waiter);
        signal?.addEventListener('abort', abort, { once: true });
      });
    } finally {
      if (waiter !== undefined) {
        this.#waiters.delete(waiter);
      }
      if (abort !== undefined) {
        signal?.removeEventListener('abort', abort);
      }
      this.domain.bridge.release();
    }
  }

  interrupt(): void {
    this.#shim.check(this.#shim.call.shim_queue_interrupt(this.nativeHandle), 'shim_queue_interrupt');
  }

  close(): void {
    if (this.#handle !== 0) {
      this.#shim.check(this.#shim.call.shim_queue_close(this.#handle), 'shim_queue_close');
      this.#handle = 0;
      this.domain.bridge.unsubscribe('queue', this.id);
      this.domain.forget(this);
      for (const waiter of this.#waiters) {
        waiter.reject(closedError('completion queue', 'wait for completions'));
      }
      this.#waiters.clear();
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #filled(batch: WorkCompletionBatch, taken: number): number {
    batch.length = taken < 0 ? this.#shim.check(taken, 'shim_queue_poll') : taken;
    return taken;
  }

  #wake(): void {
    for (const waiter of this.#waiters) {
      waiter.resolve();
    }
    this.#waiters.clear();
  }
}
