import { invocationStatus } from '@rfaas/core';
import type { BufferChecks } from './buffer-checks.ts';
import type { ExecutorThread } from './executor-thread.ts';
import type { InputBuffer, OutputBuffer } from './invocation-buffers.ts';
import { deadlinePassed, lostWhileCalling, replyError, unpairedBuffers } from './invocation-errors.ts';
import type { InvocationScheduler } from './invocation-scheduler.ts';
import type { FunctionEntry } from './function-entry.ts';
import { errorText, PendingInvocation } from './pending-invocation.ts';

/** What a group is sent with. */
export interface GroupParts {
  readonly threads: readonly ExecutorThread[];
  readonly scheduler: Pick<InvocationScheduler<PendingInvocation>, 'pick'>;
  readonly buffers: BufferChecks;
}

/** Where an invocation of the group is. */
interface Sent {
  readonly item: number;
  readonly thread: ExecutorThread;
  readonly slot: number;
}

/**
 * Several invocations of one function whose caller waits for all of them without turning the event loop: as many are in
 * flight as there are slots, so that the executor never waits for the client.
 *
 * The buffers are marked as in use for the time of the call; after a deadline those of unanswered invocations stay so
 * until their reply comes, and so do their slots.
 */
export class SynchronousGroup {
  readonly #parts: GroupParts;
  readonly #entry: FunctionEntry;
  readonly #inputs: readonly InputBuffer[];
  readonly #outputs: readonly OutputBuffer[];
  readonly #lengths: Uint32Array;
  #inFlight: Sent[] = [];
  #held = 0;
  #next = 0;
  /** The failed invocation that comes first in the order of the inputs. */
  #failure: { readonly item: number; readonly error: unknown } | undefined;

  /** Throws RFAAS_ERR_USAGE where there are not as many outputs as inputs. */
  constructor(
    parts: GroupParts,
    entry: FunctionEntry,
    inputs: readonly InputBuffer[],
    outputs: readonly OutputBuffer[],
  ) {
    if (inputs.length !== outputs.length) throw unpairedBuffers(inputs.length, outputs.length);
    this.#parts = parts;
    this.#entry = entry;
    this.#inputs = inputs;
    this.#outputs = outputs;
    this.#lengths = new Uint32Array(inputs.length);
  }

  /** Sends and collects; returns the lengths of the outputs, or throws the error of the first that failed. */
  run(deadlineMs: number | undefined): Uint32Array {
    const end = deadlineMs === undefined ? Infinity : performance.now() + deadlineMs;
    try {
      this.#hold();
      while (this.#isUnfinished) {
        this.#send();
        this.#collect(end);
        if (deadlineMs !== undefined && this.#isUnfinished && performance.now() >= end) {
          throw deadlinePassed(this.#entry.name, deadlineMs, this.#inFlight.length > 0);
        }
      }
    } finally {
      this.#release();
    }
    if (this.#failure !== undefined) throw this.#failure.error;
    return this.#lengths;
  }

  get #isUnfinished(): boolean {
    return this.#next < this.#inputs.length || this.#inFlight.length > 0;
  }

  /** A buffer that is there twice is refused like any that is in use, before anything was sent. */
  #hold(): void {
    for (; this.#held < this.#inputs.length; this.#held += 1) {
      const input = this.#inputs[this.#held]!;
      const output = this.#outputs[this.#held]!;
      this.#parts.buffers.checkInput(this.#entry, input);
      this.#parts.buffers.checkOutput(output);
      input.uses += 1;
      output.isBusy = true;
    }
  }

  /** Sends as many as there are slots. */
  #send(): void {
    for (; this.#next < this.#inputs.length; this.#next += 1) {
      const item = this.#next;
      const input = this.#inputs[item]!;
      const { threads, scheduler } = this.#parts;
      const index = input.place?.threadIndex ?? scheduler.pick();
      if (index < 0) return;
      const thread = threads[index]!;
      if (thread.isLost) throw lostWhileCalling(thread);
      const slot = input.place?.slot ?? thread.table.acquire();
      try {
        thread.submitSynchronous(this.#entry.index, slot, input, input.length, this.#outputs[item]!);
      } catch (error) {
        thread.table.giveBack(slot);
        throw error;
      }
      this.#inFlight.push({ item, thread, slot });
    }
  }

  #collect(end: number): void {
    const { threads } = this.#parts;
    if (threads.length === 1) {
      threads[0]!.spinOnce((end - performance.now()) * 1000);
    } else {
      for (const thread of threads) thread.spinOnce(0);
    }
    const lost = threads.find(({ isLost }) => isLost);
    if (lost !== undefined) throw lostWhileCalling(lost);
    let kept = 0;
    for (const sent of this.#inFlight) {
      if (sent.thread.table.isWaiting(sent.slot)) {
        this.#inFlight[kept] = sent;
        kept += 1;
      } else {
        this.#take(sent);
      }
    }
    this.#inFlight.length = kept;
  }

  #take({ item, thread, slot }: Sent): void {
    thread.readReply(slot);
    this.#lengths[item] = thread.replyBytes;
    if (thread.replyStatus === invocationStatus.ok) return;
    if (this.#failure !== undefined && this.#failure.item < item) return;
    const text = errorText(this.#outputs[item]!, thread.replyBytes);
    this.#failure = { item, error: replyError(this.#entry.name, thread.replyStatus, text) };
  }

  /** What is still in flight keeps its buffers and its slot until its reply comes. */
  #release(): void {
    for (let item = 0; item < this.#held; item += 1) {
      this.#inputs[item]!.release();
      this.#outputs[item]!.release();
    }
    for (const { item, thread, slot } of this.#inFlight) {
      if (!thread.table.isWaiting(slot)) continue;
      const { name, index } = this.#entry;
      const abandoned = PendingInvocation.abandoned(name, index, this.#inputs[item]!, this.#outputs[item]);
      thread.table.quarantine(slot, abandoned);
    }
  }
}
