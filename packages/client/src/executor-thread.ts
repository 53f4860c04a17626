import type { RfaasError } from '@rfaas/core';
import {
  createCompletionBatch,
  statusText,
  tendMessageChannels,
  type CompletionQueue,
  type Endpoint,
  type WorkCompletionBatch,
} from '@rfaas/rdmalib';
import type { InputBuffer, OutputBuffer } from './invocation-buffers.ts';
import type { SchedulableThread } from './invocation-scheduler.ts';
import { notPosted } from './invocation-errors.ts';
import { InvocationTable } from './invocation-table.ts';
import {
  COMPLETION_WORDS,
  LOST,
  OPCODE_RECEIVE_IMMEDIATE,
  OPCODE_WRITE,
  REPLIED,
  STATUS_FLUSHED,
  STATUS_SUCCESS,
  TIMED_OUT,
  word,
} from './invoke-context.ts';
import type { NativeLoops } from './native-loops.ts';
import type { PendingInvocation } from './pending-invocation.ts';
import { RequestContext } from './request-context.ts';
import { SynchronousReplies } from './synchronous-replies.ts';
import { SPIN_CHUNK_MICROSECONDS } from './spin-chunk.ts';
import { SlotMemory } from './slot-memory.ts';
import type { ThreadParts } from './thread-parts.ts';

/** Synchronous invocations between two looks at control connections: fewer than one in a hundred pay for one. */
const INVOCATIONS_PER_TENDING = 256;

/** How a wait for a synchronous invocation ended. */
export type WaitOutcome = 'replied' | 'timed-out' | 'lost';

/**
 * One worker thread of an executor, seen from the client: its slots, the invocations in flight there, and the native
 * loop that sends them. Sending and taking replies allocate nothing.
 */
export class ExecutorThread implements SchedulableThread {
  readonly index: number;
  readonly table: InvocationTable<PendingInvocation>;
  readonly memory: SlotMemory;
  readonly queue: CompletionQueue;
  readonly inputBytes: number;
  /** Status and length of the reply that `invoke` or `wait` last returned with. */
  replyStatus = 0;
  replyBytes = 0;
  readonly #endpoint: Endpoint;
  readonly #loops: NativeLoops;
  readonly #request: RequestContext;
  readonly #batch: WorkCompletionBatch;
  readonly #isControlled: () => boolean;
  readonly #onLost: (reason: string) => void;
  readonly #synchronous: SynchronousReplies;
  #untended = 0;
  #lostBecause: string | undefined;
  #isClosed = false;

  constructor(parts: ThreadParts) {
    const { domain, endpoint, queue, loops, announcement, slotMemory, isControlled, onLost } = parts;
    this.index = announcement.index;
    this.queue = queue;
    this.inputBytes = announcement.inputBytes;
    this.#endpoint = endpoint;
    this.#loops = loops;
    this.#isControlled = isControlled;
    this.#onLost = onLost;
    this.table = new InvocationTable(announcement.slots);
    this.#synchronous = new SynchronousReplies(announcement.slots);
    this.#batch = createCompletionBatch(2 * announcement.slots);
    this.memory = new SlotMemory(parts);
    const { slots, slotStride } = announcement;
    this.#request = new RequestContext(loops, { domain, endpoint, queue, slotMemory, slots, slotStride });
    void endpoint.disconnected.then((reason) => this.#lose(`its connection ended (${reason.kind})`));
  }

  /** Slots that an invocation could take now. */
  get freeCount(): number {
    return this.isLost ? 0 : this.table.freeCount;
  }

  /** The connection is of no use any more. */
  get isLost(): boolean {
    return this.#lostBecause !== undefined;
  }

  /** Which thread this is and why it is lost, where it is. */
  get loss(): string {
    return `thread ${this.index}: ${this.#lostBecause ?? 'not lost'}`;
  }

  /** Sends an asynchronous invocation in an acquired slot; its reply comes through {@link poll}. */
  submit(
    invocation: PendingInvocation,
    slot: number,
    input: InputBuffer | undefined,
    inputBytes: number,
  ): void {
    const output = invocation.output ?? this.memory.resultOf(slot);
    const region = input === undefined ? this.memory.stagingOf(slot) : input.region;
    const id = this.table.begin(slot, invocation);
    this.#request.describe(invocation.functionIndex, id, region, inputBytes, output);
    const result = this.#loops.submit(this.#request.index);
    if (result < 0) throw this.#notPosted(slot, result);
    invocation.thread = this;
    invocation.slot = slot;
  }

  /**
   * Sends a synchronous invocation in an acquired slot and spins for its reply: one native call. `replied`: replyStatus
   * and replyBytes are set. `timed-out`: go on with {@link wait}, or quarantine the slot.
   */
  invoke(
    functionIndex: number,
    slot: number,
    input: InputBuffer | undefined,
    inputBytes: number,
    output: OutputBuffer,
    microseconds: number,
  ): WaitOutcome {
    const { words } = this.#request;
    const region = input === undefined ? this.memory.stagingOf(slot) : input.region;
    this.#tend();
    this.#request.describe(functionIndex, this.table.nextId(slot), region, inputBytes, output);
    words[word.microseconds] = microseconds;
    const result = this.#loops.invoke(this.#request.index);
    if (result < 0) throw this.#notPosted(slot, result);
    if (result !== REPLIED) {
      this.table.setInFlight(slot, undefined);
      this.#synchronous.expect(slot, output.capacity);
    }
    const others = words[word.otherCount]!;
    if (others !== 0) this.#dispatchAll(words, word.others, others, false);
    if (result === REPLIED) {
      this.replyStatus = words[word.status]!;
      this.replyBytes = words[word.outputBytes]!;
      return 'replied';
    }
    if (result === LOST) this.#lose(`a request to it failed (${statusText(words[word.status]!)})`);
    return result === TIMED_OUT && !this.isLost ? 'timed-out' : 'lost';
  }

  /**
   * Sends one of several synchronous invocations in an acquired slot. Its reply is there once the table does not wait for
   * the slot any more; see {@link readReply}.
   */
  submitSynchronous(
    functionIndex: number,
    slot: number,
    input: InputBuffer | undefined,
    inputBytes: number,
    output: OutputBuffer,
  ): void {
    const region = input === undefined ? this.memory.stagingOf(slot) : input.region;
    this.#tend();
    const id = this.table.begin(slot, undefined);
    this.#synchronous.expect(slot, output.capacity);
    this.#request.describe(functionIndex, id, region, inputBytes, output);
    const result = this.#loops.submit(this.#request.index);
    if (result < 0) throw this.#notPosted(slot, result);
  }

  /** Goes on spinning for the reply of a synchronous invocation that {@link invoke} did not see. */
  wait(slot: number, milliseconds: number): WaitOutcome {
    const end = performance.now() + milliseconds;
    while (this.table.isWaiting(slot)) {
      if (this.isLost) return 'lost';
      const left = (end - performance.now()) * 1000;
      if (left <= 0) return 'timed-out';
      this.spinOnce(left);
    }
    this.readReply(slot);
    return 'replied';
  }

  /** Spins until something came, for so many microseconds at most, and looks at the connections when nothing did. */
  spinOnce(microseconds: number): void {
    if (this.spin(Math.min(microseconds, SPIN_CHUNK_MICROSECONDS)) > 0) return;
    tendMessageChannels();
    this.#checkState();
  }

  /** Sets replyStatus and replyBytes to those of the last synchronous invocation in a slot. */
  readReply(slot: number): void {
    this.replyStatus = this.#synchronous.statusOf(slot);
    this.replyBytes = this.#synchronous.byteLengthOf(slot);
  }

  /** Takes the replies that are there and settles their invocations; returns how many completions came. */
  poll(): number {
    if (this.#isClosed) return 0;
    const count = this.queue.poll(this.#batch);
    this.#dispatchAll(this.#batch.words, 0, count, true);
    return count;
  }

  /** As {@link poll}, spinning in native code until the first comes. */
  spin(microseconds: number): number {
    if (this.#isClosed) return 0;
    const count = this.queue.spin(this.#batch, Math.ceil(microseconds));
    this.#dispatchAll(this.#batch.words, 0, count, true);
    return count;
  }

  /** Rejects every invocation in flight here and releases what they held: the executor cannot write any more. */
  failAll(error: RfaasError): void {
    this.#lostBecause ??= error.message;
    for (let slot = 0; slot < this.table.slots; slot += 1) {
      if (!this.table.isWaiting(slot)) continue;
      const invocation = this.table.ownerOf(slot);
      this.table.complete(slot);
      invocation?.fail(error);
    }
  }

  /** Closes the connection and its memory. Idempotent. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#lostBecause ??= 'it is closed';
    await this.#endpoint.close();
    this.queue.close();
    this.#request.close();
    this.memory.close();
  }

  #dispatchAll(words: Uint32Array, start: number, count: number, own: boolean): void {
    for (let index = 0; index < count; index += 1) {
      this.#dispatch(words, start + index * COMPLETION_WORDS, own);
    }
  }

  /** `own`: taken from the queue by this class; the native loop counts the receives of what it took itself. */
  #dispatch(words: Uint32Array, at: number, own: boolean): void {
    const opcode = words[at + 1];
    const status = words[at + 2];
    if (opcode === OPCODE_RECEIVE_IMMEDIATE && status === STATUS_SUCCESS) {
      const immediate = words[at + 5]!;
      this.#reply(immediate >>> 16, immediate & 0xffff, words[at + 6]!);
    } else if (status !== STATUS_SUCCESS) {
      const isRequest = opcode === OPCODE_WRITE;
      if (isRequest && own) this.#request.countSpareReceive();
      const isFailedRequest = isRequest && status !== STATUS_FLUSHED;
      this.#lose(
        isFailedRequest ? `a request to it failed (${statusText(status ?? 0)})` : 'its connection was closed',
      );
    }
  }

  #reply(id: number, status: number, byteLength: number): void {
    const slot = this.table.slotOf(id);
    if (slot < 0) {
      this.#lose(`it replied to invocation ${id}, which is not in flight`);
      return;
    }
    const invocation = this.table.ownerOf(slot);
    const result = invocation === undefined ? undefined : (invocation.output ?? this.memory.resultOf(slot));
    const capacity = result?.capacity ?? this.#synchronous.capacityOf(slot);
    if (byteLength > capacity) {
      this.#lose(`it says that it wrote ${byteLength} bytes where ${capacity} are`);
      return;
    }
    if (invocation === undefined || result === undefined) {
      this.#synchronous.replied(slot, status, byteLength);
      this.table.complete(slot);
      return;
    }
    invocation.replied(status, byteLength, result);
    this.table.complete(slot);
    invocation.releaseBuffers();
  }

  /** Callers that never wait let no event loop turn: peers on other hosts would take this one for gone. */
  #tend(): void {
    this.#untended = (this.#untended + 1) % INVOCATIONS_PER_TENDING;
    if (this.#untended === 0) tendMessageChannels();
  }

  #checkState(): void {
    const { state } = this.#endpoint;
    if (state !== 'established') this.#lose(`its connection is ${state}`);
    else if (!this.#isControlled()) this.#lose('its control connection ended');
  }

  #lose(reason: string): void {
    if (this.isLost) return;
    this.#lostBecause = reason;
    this.#onLost(this.loss);
  }

  #notPosted(slot: number, result: number): RfaasError {
    this.table.cancel(slot);
    this.#checkState();
    return notPosted(this, result);
  }
}
