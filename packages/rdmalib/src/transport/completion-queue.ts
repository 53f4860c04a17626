import type { WorkCompletionBatch } from './work-completion.ts';

/** How a completion queue is made. */
export interface CompletionQueueOptions {
  /** At least the sum of the queue depths of the endpoints that complete here. */
  readonly depth: number;
  /** Wake only for solicited completions where the transport can; elsewhere wake for all. */
  readonly solicitedOnly?: boolean | undefined;
}

/** Options of CompletionQueue.readable. */
export interface ReadableOptions {
  /** Gives up: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Where finished requests are reported. */
export interface CompletionQueue extends Disposable {
  /** Unique in this process. */
  readonly id: number;
  /** Native pointer (`struct shim_queue *`), for native loops. Throws ClosedError after `close`. */
  readonly nativeHandle: number;
  /** Takes what is there and returns at once. Refills `batch`; returns how many. */
  poll(batch: WorkCompletionBatch): number;
  /** Spins in native code for at most `microseconds`; keep it short on the main thread. */
  spin(batch: WorkCompletionBatch, microseconds: number): number;
  /**
   * Sleeps the calling thread, for ever with -1. Arms, re-polls and sleeps, so that no completion is missed. Returns 0
   * on time-out, after `interrupt`, and early when an endpoint of this queue changed its state. For worker threads.
   */
  block(batch: WorkCompletionBatch, timeoutMs: number): number;
  /** Resolves when poll() may find something; may be early, never too late. Event-loop code uses this one. */
  readable(options?: ReadableOptions): Promise<void>;
  /** Makes a spin or block that runs now, or the next one, return. */
  interrupt(): void;
  /** Throws RdmaError while an endpoint uses it. Idempotent. */
  close(): void;
}
