import { invocationStatus } from '@rfaas/core';
import { deadlinePassed, invocationAborted, replyError } from './invocation-errors.ts';
import type { InputBuffer, OutputBuffer } from './invocation-buffers.ts';
import type { InvocationTable } from './invocation-table.ts';
import type { SignalWatch } from './signal-watch.ts';

/** How a caller may limit and direct an asynchronous invocation. */
export interface InvokeOptions {
  /** Rejects with RFAAS_ERR_DEADLINE when no reply came so many milliseconds after the call. Default: no deadline. */
  readonly deadlineMs?: number | undefined;
  /** Rejects with RFAAS_ERR_ABORTED when the signal fires. The function itself is not interrupted. */
  readonly signal?: AbortSignal | undefined;
}

/** Who is told that an invocation is no longer waited for. */
export interface AbandonmentListener {
  abandoned(invocation: PendingInvocation): void;
}

/** The thread that an invocation was sent to, as far as giving up on it needs it. */
export interface SentTo {
  readonly table: InvocationTable<PendingInvocation>;
}

const decoder = new TextDecoder();

/** The text that an executor wrote into a result instead of an output. */
export function errorText(result: OutputBuffer, byteLength: number): string {
  // A copy, since TextDecoder refuses views of memory that may be shared.
  return decoder.decode(result.bytes.slice(0, byteLength));
}

/** An asynchronous invocation: its promise, its buffers, and when to give up on it. */
export class PendingInvocation {
  readonly functionName: string;
  readonly functionIndex: number;
  /** Bytes to copy into a slot, or a buffer that the executor reaches. */
  input: Uint8Array | InputBuffer;
  /** The caller's own buffer; without one the result is copied out of the slot's. */
  readonly output: OutputBuffer | undefined;
  readonly promise: Promise<Uint8Array>;
  /** Where it runs; without a thread and -1 until it was sent. */
  thread: SentTo | undefined;
  slot = -1;
  #resolve!: (value: Uint8Array) => void;
  #reject!: (error: unknown) => void;
  #isSettled = false;
  #timer: NodeJS.Timeout | undefined;
  #unwatch: (() => void) | undefined;

  constructor(
    functionName: string,
    functionIndex: number,
    input: Uint8Array | InputBuffer,
    output: OutputBuffer | undefined,
  ) {
    this.functionName = functionName;
    this.functionIndex = functionIndex;
    this.input = input;
    this.output = output;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Nobody waits for it any more. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Starts the deadline and listens to the signal; `listener` hears when either ends the wait. */
  watch(options: InvokeOptions, signals: SignalWatch, listener: AbandonmentListener): void {
    const { deadlineMs, signal } = options;
    if (deadlineMs !== undefined && deadlineMs !== Infinity) {
      this.#timer = setTimeout(() => {
        this.reject(deadlinePassed(this.functionName, deadlineMs, this.slot >= 0));
        listener.abandoned(this);
      }, deadlineMs);
    }
    if (signal !== undefined) {
      this.#unwatch = signals.watch(signal, () => {
        this.reject(invocationAborted(this.functionName, signal.reason));
        listener.abandoned(this);
      });
    }
  }

  /** A caller who waited synchronously gave up: only the buffers are left to look after. */
  static abandoned(
    functionName: string,
    functionIndex: number,
    input: Uint8Array | InputBuffer,
    output: OutputBuffer | undefined,
  ): PendingInvocation {
    const invocation = new PendingInvocation(functionName, functionIndex, input, output);
    invocation.holdBuffers();
    invocation.#isSettled = true;
    return invocation;
  }

  /** From now on the executor may read the input and write the output. */
  holdBuffers(): void {
    if (this.output !== undefined) this.output.isBusy = true;
    if (!(this.input instanceof Uint8Array)) this.input.uses += 1;
  }

  /** The reply came. `result` is where the executor wrote. A late reply settles nothing. */
  replied(status: number, byteLength: number, result: OutputBuffer): void {
    if (this.#isSettled) return;
    if (status !== invocationStatus.ok) {
      this.reject(replyError(this.functionName, status, errorText(result, byteLength)));
      return;
    }
    this.#settle();
    const bytes =
      this.output === undefined ? copyOf(result.bytes, byteLength) : result.bytes.subarray(0, byteLength);
    this.#resolve(bytes);
  }

  reject(error: unknown): void {
    if (this.#isSettled) return;
    this.#settle();
    this.#reject(error);
  }

  /** It is over for good: rejects, and gives its buffers back. */
  fail(error: unknown): void {
    this.reject(error);
    this.releaseBuffers();
  }

  /** The executor cannot touch its buffers any more. */
  releaseBuffers(): void {
    this.output?.release();
    if (!(this.input instanceof Uint8Array)) this.input.release();
  }

  #settle(): void {
    this.#isSettled = true;
    clearTimeout(this.#timer);
    this.#unwatch?.();
  }
}

/** The first bytes of a result in memory of JavaScript's own. */
export function copyOf(bytes: Uint8Array, byteLength: number): Uint8Array {
  return bytes.slice(0, byteLength);
}
