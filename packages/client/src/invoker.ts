import type { RfaasError } from '@rfaas/core';
import { invocationStatus } from '@rfaas/core';
import { BufferChecks } from './buffer-checks.ts';
import { CompletionPump } from './completion-pump.ts';
import type { ExecutorThread } from './executor-thread.ts';
import type { OutputBuffer } from './invocation-buffers.ts';
import { InputBuffer } from './invocation-buffers.ts';
import type { FunctionEntry } from './function-entry.ts';
import { InvocationScheduler } from './invocation-scheduler.ts';
import { copyOf, errorText, PendingInvocation, type InvokeOptions } from './pending-invocation.ts';
import {
  deadlinePassed,
  freshCopy,
  invocationAborted,
  lostWhileCalling,
  replyError,
} from './invocation-errors.ts';
import { SignalWatch } from './signal-watch.ts';
import { firstSpinMicroseconds } from './spin-chunk.ts';
import { SynchronousGroup } from './synchronous-group.ts';

const NOTHING = new Uint8Array(0);

/**
 * Sends invocations to the threads of one executor and settles them. Knows nothing of leases: {@link end} is told why
 * nothing can be invoked any more.
 */
export class Invoker {
  readonly #threads: readonly ExecutorThread[];
  readonly #buffers: BufferChecks;
  readonly #scheduler: InvocationScheduler<PendingInvocation>;
  readonly #pump: CompletionPump;
  readonly #signals = new SignalWatch();
  /** Why nothing can be invoked any more. */
  #end: RfaasError | undefined;
  /** The executor is lost and why is being found out: invocations wait for the answer. */
  #ending: Promise<RfaasError> | undefined;

  constructor(
    threads: readonly ExecutorThread[],
    owner: object,
    spinMicroseconds: number,
    onFailure: (error: unknown) => void,
  ) {
    this.#threads = threads;
    this.#buffers = new BufferChecks(owner, threads[0]!.inputBytes);
    this.#scheduler = new InvocationScheduler(threads);
    this.#pump = new CompletionPump({
      threads,
      spinMicroseconds,
      isNeeded: () => this.#scheduler.waitingCount > 0 || threads.some((thread) => thread.table.awaited > 0),
      onRound: () => this.#sendWaiting(),
      onFailure,
    });
  }

  /** Invokes and spins until the reply, which the caller gets as a copy. */
  invokeCopying(
    entry: FunctionEntry,
    input: Uint8Array | InputBuffer,
    deadlineMs: number | undefined,
  ): Uint8Array {
    this.#checkOpen();
    this.#buffers.checkInput(entry, input);
    const start = deadlineMs === undefined ? 0 : performance.now();
    const thread = this.#takeSlot(entry, input, deadlineMs, start);
    const slot = this.#acquired;
    try {
      const result = thread.memory.resultOf(slot);
      const byteLength = this.#invokeIn(thread, slot, entry, input, result, undefined, deadlineMs, start);
      return copyOf(result.bytes, byteLength);
    } finally {
      thread.table.giveBack(slot);
      this.#resume();
    }
  }

  /** Invokes and spins until the reply; `output` holds it, and its length is returned. Copies nothing it need not. */
  invokeInto(
    entry: FunctionEntry,
    input: Uint8Array | InputBuffer,
    output: OutputBuffer,
    deadlineMs: number | undefined,
  ): number {
    this.#checkOpen();
    this.#buffers.checkOutput(output);
    this.#buffers.checkInput(entry, input);
    const start = deadlineMs === undefined ? 0 : performance.now();
    if (input instanceof InputBuffer && input.place !== undefined) {
      // Its slot is its own: nothing to take or to give back.
      const thread = this.#liveThread(input.place.threadIndex);
      return this.#invokeIn(thread, input.place.slot, entry, input, output, output, deadlineMs, start);
    }
    const thread = this.#takeSlot(entry, input, deadlineMs, start);
    const slot = this.#acquired;
    try {
      return this.#invokeIn(thread, slot, entry, input, output, output, deadlineMs, start);
    } finally {
      thread.table.giveBack(slot);
      this.#resume();
    }
  }

  /** Invokes for every input and spins until all replies are there; returns the lengths of the outputs. */
  invokeAll(
    entry: FunctionEntry,
    inputs: readonly InputBuffer[],
    outputs: readonly OutputBuffer[],
    deadlineMs: number | undefined,
  ): Uint32Array {
    this.#checkOpen();
    const parts = { threads: this.#threads, scheduler: this.#scheduler, buffers: this.#buffers };
    try {
      return new SynchronousGroup(parts, entry, inputs, outputs).run(deadlineMs);
    } finally {
      this.#resume();
    }
  }

  /** Invokes; the promise settles with the reply, the deadline, the signal or the executor's end. */
  async invoke(
    entry: FunctionEntry,
    input: Uint8Array | InputBuffer,
    output: OutputBuffer | undefined,
    options: InvokeOptions,
  ): Promise<Uint8Array> {
    if (this.#ending !== undefined) throw await this.#ending;
    this.#checkOpen();
    this.#buffers.checkInput(entry, input);
    if (output !== undefined) this.#buffers.checkOutput(output);
    if (options.signal?.aborted === true) throw invocationAborted(entry.name, options.signal.reason);
    const invocation = new PendingInvocation(entry.name, entry.index, input, output);
    invocation.holdBuffers();
    this.#start(invocation);
    if (!invocation.isSettled) invocation.watch(options, this.#signals, this);
    this.#pump.kick();
    return invocation.promise;
  }

  /** Called by a pending invocation whose caller does not wait any more. */
  abandoned(invocation: PendingInvocation): void {
    if (invocation.thread === undefined) {
      if (this.#scheduler.forget(invocation)) invocation.releaseBuffers();
    } else {
      invocation.thread.table.quarantine(invocation.slot, invocation);
    }
    this.#pump.reconsider();
  }

  /** The executor is lost: further invocations wait to hear why. */
  suspend(reason: Promise<RfaasError>): void {
    this.#ending ??= reason;
  }

  /** Nothing can be invoked any more: whatever is in flight or waits rejects with `error`. Idempotent. */
  end(error: RfaasError): void {
    if (this.#end !== undefined) return;
    this.#end = error;
    this.#ending = undefined;
    this.#pump.stop();
    for (const thread of this.#threads) thread.failAll(error);
    for (const invocation of this.#scheduler.drain()) {
      invocation.fail(error);
    }
  }

  /** Throws why nothing can be invoked any more. */
  #checkOpen(): void {
    if (this.#end !== undefined) throw freshCopy(this.#end);
  }

  /** The slot that `#takeSlot` took: a field, since returning both would allocate. */
  #acquired = -1;

  #takeSlot(
    entry: FunctionEntry,
    input: Uint8Array | InputBuffer,
    deadlineMs: number | undefined,
    start: number,
  ): ExecutorThread {
    if (input instanceof InputBuffer && input.place !== undefined) {
      this.#acquired = input.place.slot;
      return this.#liveThread(input.place.threadIndex);
    }
    for (;;) {
      const index = this.#scheduler.pick();
      if (index >= 0) {
        const thread = this.#threads[index]!;
        this.#acquired = thread.table.acquire();
        if (!(input instanceof InputBuffer)) thread.memory.placeInput(this.#acquired, input);
        return thread;
      }
      if (deadlineMs !== undefined && performance.now() - start >= deadlineMs) {
        throw deadlinePassed(entry.name, deadlineMs, false);
      }
      for (const thread of this.#threads) {
        thread.poll();
        this.#liveThread(thread.index);
      }
    }
  }

  #liveThread(index: number): ExecutorThread {
    const thread = this.#threads[index]!;
    if (thread.isLost) throw lostWhileCalling(thread);
    return thread;
  }

  #invokeIn(
    thread: ExecutorThread,
    slot: number,
    entry: FunctionEntry,
    input: Uint8Array | InputBuffer,
    result: OutputBuffer,
    output: OutputBuffer | undefined,
    deadlineMs: number | undefined,
    start: number,
  ): number {
    const isBuffer = input instanceof InputBuffer;
    const inputBytes = isBuffer ? input.length : input.byteLength;
    const chunk = firstSpinMicroseconds(deadlineMs);
    let outcome = thread.invoke(entry.index, slot, isBuffer ? input : undefined, inputBytes, result, chunk);
    if (outcome === 'timed-out') {
      outcome = thread.wait(
        slot,
        deadlineMs === undefined ? Infinity : deadlineMs - (performance.now() - start),
      );
    }
    if (outcome === 'timed-out') {
      const abandoned = PendingInvocation.abandoned(
        entry.name,
        entry.index,
        isBuffer ? input : NOTHING,
        output,
      );
      thread.table.quarantine(slot, abandoned);
      throw deadlinePassed(entry.name, deadlineMs ?? Infinity, true);
    }
    if (outcome === 'lost') throw lostWhileCalling(thread);
    const byteLength = thread.replyBytes;
    if (thread.replyStatus !== invocationStatus.ok) {
      throw replyError(entry.name, thread.replyStatus, errorText(result, byteLength));
    }
    return byteLength;
  }

  #start(invocation: PendingInvocation): void {
    const { input } = invocation;
    if (input instanceof InputBuffer && input.place !== undefined) {
      this.#send(invocation, this.#threads[input.place.threadIndex]!, input.place.slot);
      return;
    }
    const index = this.#scheduler.waitingCount === 0 ? this.#scheduler.pick() : -1;
    if (index >= 0) {
      const thread = this.#threads[index]!;
      this.#send(invocation, thread, thread.table.acquire());
      return;
    }
    // The caller may change its bytes as soon as invoke returned.
    if (!(input instanceof InputBuffer)) invocation.input = copyOf(input, input.byteLength);
    this.#scheduler.wait(invocation);
  }

  #send(invocation: PendingInvocation, thread: ExecutorThread, slot: number): void {
    const { input } = invocation;
    try {
      if (input instanceof InputBuffer) {
        thread.submit(invocation, slot, input, input.length);
      } else {
        thread.memory.placeInput(slot, input);
        thread.submit(invocation, slot, undefined, input.byteLength);
        invocation.input = NOTHING;
      }
    } catch (error) {
      thread.table.giveBack(slot);
      // A request that found the executor lost waits to hear why, as those in flight do.
      if (this.#ending === undefined) invocation.fail(error);
      else void this.#ending.then((reason) => invocation.fail(reason));
    }
  }

  /** Sends those whose turn has come. */
  #sendWaiting(): void {
    for (let next = this.#scheduler.next(); next !== undefined; next = this.#scheduler.next()) {
      const thread = this.#threads[next.thread]!;
      this.#send(next.invocation, thread, thread.table.acquire());
    }
  }

  /** After a synchronous call, which may have met replies of others and freed a slot. */
  #resume(): void {
    if (this.#scheduler.waitingCount === 0) return;
    this.#sendWaiting();
    this.#pump.kick();
  }
}
