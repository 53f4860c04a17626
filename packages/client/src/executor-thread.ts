import { RfaasError } from '@rfaas/core';
import {
  createCompletionBatch,
  type CompletionQueue,
  type Endpoint,
  type MemoryRegion,
  type ProtectionDomain,
  type RemoteMemory,
  type RemoteTarget,
} from '@rfaas/rdmalib';
import type { SchedulableThread } from './invocation-scheduler.ts';
import { InputBuffer, OutputBuffer } from './invocation-buffers.ts';
import { InvocationTable } from './invocation-table.ts';
import {
  COMPLETION_WORDS,
  IN_PLACE,
  LOST,
  REPLIED,
  RESULT_GUARDED,
  setNumber64,
  SOLICITED,
  TIMED_OUT,
  word,
} from './invoke-context.ts';
import type { InvokeContext, NativeLoops } from './native-loops.ts';
import type { PendingInvocation } from './pending-invocation.ts';

/** Bytes of a slot in front of its input: padding and the invocation header. */
const SLOT_INPUT_OFFSET = 64;
const HEADER_STRIDE = 64;

/** `enum shim_opcode` and `enum shim_status`, as far as a reply's completion needs them. */
const OPCODE_WRITE = 2;
const OPCODE_RECEIVE_IMMEDIATE = 7;
const STATUS_SUCCESS = 0;
const STATUS_FLUSHED = 7;

/** Longest native spin in one go, so that deadlines and interrupts are looked at. */
const SPIN_CHUNK_MICROSECONDS = 100_000;

/** What an executor thread announced when it was ready. */
export interface ThreadAnnouncement {
  readonly index: number;
  readonly slots: number;
  readonly slotStride: number;
  readonly inputBytes: number;
  readonly outputBytes: number;
  readonly memory: RemoteMemory;
}

/** What a thread connection is made of. */
export interface ThreadParts {
  readonly domain: ProtectionDomain;
  readonly endpoint: Endpoint;
  /** This endpoint's alone, so that a synchronous invocation polls nothing else. */
  readonly queue: CompletionQueue;
  readonly loops: NativeLoops;
  readonly announcement: ThreadAnnouncement;
  /** Marks buffers as this executor's. */
  readonly owner: object;
  /** The connection is of no use any more; called once, from whatever noticed it. */
  readonly onLost: (reason: string) => void;
}

/** The outcome of a wait for a synchronous invocation. */
export type WaitOutcome = 'replied' | 'timed-out' | 'lost';

/**
 * One worker thread of an executor, seen from the client: its slots, the invocations in flight there, and the native
 * loop that sends them. Sending and taking replies allocate nothing.
 */
export class ExecutorThread implements SchedulableThread {
  readonly index: number;
  readonly table: InvocationTable<PendingInvocation>;
  readonly queue: CompletionQueue;
  readonly endpoint: Endpoint;
  readonly inputBytes: number;
  readonly outputBytes: number;
  /** Status and length of the reply to the last synchronous invocation that `invoke` or `wait` returned. */
  replyStatus = 0;
  replyBytes = 0;
  /** A wait for `queue.readable()` is under way. */
  isAwaited = false;
  readonly #parts: ThreadParts;
  readonly #context: InvokeContext;
  readonly #words: Uint32Array;
  readonly #contextIndex: number;
  readonly #headers: MemoryRegion;
  readonly #mapping: Uint8Array | undefined;
  readonly #staging: (MemoryRegion | undefined)[];
  readonly #results: (OutputBuffer | undefined)[];
  readonly #batch;
  #syncSlot = -1;
  #isLost = false;
  #isClosed = false;

  /** Throws RFAAS_ERR_PROTOCOL for an announcement that cannot be, RdmaError where the slots cannot be reached. */
  constructor(parts: ThreadParts) {
    const { announcement, endpoint, domain, loops } = parts;
    checkAnnouncement(announcement);
    this.#parts = parts;
    this.index = announcement.index;
    this.queue = parts.queue;
    this.endpoint = endpoint;
    this.inputBytes = announcement.inputBytes;
    this.outputBytes = announcement.outputBytes;
    this.table = new InvocationTable(announcement.slots);
    this.#staging = new Array<MemoryRegion | undefined>(announcement.slots).fill(undefined);
    this.#results = new Array<OutputBuffer | undefined>(announcement.slots).fill(undefined);
    this.#batch = createCompletionBatch(2 * announcement.slots);
    const target = endpoint.resolveRemote(announcement.memory);
    this.#mapping = domain.transport.capabilities.directMap ? endpoint.mapRemote(target) : undefined;
    this.#headers = domain.allocateMemory({ byteLength: announcement.slots * HEADER_STRIDE, access: ['local-write'] });
    this.#context = loops.openContext();
    this.#contextIndex = this.#context.index;
    this.#words = this.#context.words;
    this.#describeConnection(target);
    void endpoint.disconnected.then((reason) => this.#lose(`its connection ended (${reason.kind})`));
  }

  /** Slots that an invocation could take now. */
  get freeCount(): number {
    return this.#isLost ? 0 : this.table.freeCount;
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  /** True where inputs can be written straight into the executor's slots. */
  get isMapped(): boolean {
    return this.#mapping !== undefined;
  }

  /** The input of a slot, mapped from the executor; only where {@link isMapped}. */
  mappedInput(slot: number): Uint8Array | undefined {
    const start = slot * this.#parts.announcement.slotStride + SLOT_INPUT_OFFSET;
    return this.#mapping?.subarray(start, start + this.inputBytes);
  }

  /** Copies an input to where the native loop takes it from for this slot. */
  placeInput(slot: number, input: Uint8Array): void {
    if (this.#mapping !== undefined) {
      this.#mapping.set(input, slot * this.#parts.announcement.slotStride + SLOT_INPUT_OFFSET);
    } else {
      this.#stagingOf(slot).bytes.set(input);
    }
  }

  /** The slot's own result buffer, for callers that bring none. */
  resultOf(slot: number): OutputBuffer {
    const existing = this.#results[slot];
    if (existing !== undefined) return existing;
    const made = new OutputBuffer(this.#parts.owner, this.#parts.domain, this.outputBytes, () => {
      this.#results[slot] = undefined;
    });
    this.#results[slot] = made;
    return made;
  }

  /** Sends an asynchronous invocation in an acquired slot; its reply comes through {@link poll}. */
  submit(invocation: PendingInvocation, slot: number, input: InputBuffer | undefined, inputBytes: number): void {
    const output = invocation.output ?? this.resultOf(slot);
    const id = this.table.begin(slot, invocation);
    this.#describeRequest(invocation.functionIndex, slot, id, input, inputBytes, output);
    const result = this.#parts.loops.submit(this.#contextIndex);
    if (result < 0) {
      this.table.cancel(slot);
      throw this.#postError(result);
    }
    invocation.threadIndex = this.index;
    invocation.slot = slot;
  }

  /**
   * Sends a synchronous invocation in an acquired slot and spins for at most `microseconds`: one native call.
   * `replied`: replyStatus and replyBytes are set. `timed-out`: {@link wait} goes on, or {@link InvocationTable.quarantine}.
   */
  invoke(
    functionIndex: number,
    slot: number,
    input: InputBuffer | undefined,
    inputBytes: number,
    output: OutputBuffer,
    microseconds: number,
  ): WaitOutcome {
    const words = this.#words;
    const id = this.table.begin(slot, undefined);
    this.#describeRequest(functionIndex, slot, id, input, inputBytes, output);
    words[word.microseconds] = microseconds;
    const result = this.#parts.loops.invoke(this.#contextIndex);
    if (result < 0) {
      this.table.cancel(slot);
      throw this.#postError(result);
    }
    const replyStatus = words[word.status]!;
    this.replyBytes = words[word.outputBytes]!;
    if (words[word.otherCount] !== 0) this.#dispatchAll(words, word.others, words[word.otherCount]!, false);
    if (result === REPLIED) {
      this.replyStatus = replyStatus;
      this.table.complete(slot);
      return 'replied';
    }
    if (result === TIMED_OUT) return this.#isLost ? 'lost' : 'timed-out';
    if (result === LOST) this.#lose(`its connection failed (status ${replyStatus})`);
    return 'lost';
  }

  /** Goes on spinning for the reply of a synchronous invocation that {@link invoke} did not see. */
  wait(slot: number, microseconds: number): WaitOutcome {
    this.#syncSlot = slot;
    const end = performance.now() + microseconds / 1000;
    try {
      for (;;) {
        if (!this.table.isWaiting(slot)) return 'replied';
        if (this.#isLost) return 'lost';
        const left = (end - performance.now()) * 1000;
        if (left <= 0) return 'timed-out';
        this.spin(Math.min(left, SPIN_CHUNK_MICROSECONDS));
        if (this.table.isWaiting(slot)) this.#checkState();
      }
    } finally {
      this.#syncSlot = -1;
    }
  }

  /** Takes the replies that are there and settles their invocations; returns how many came. */
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

  /** Rejects every invocation in flight here and releases what they held: the connection is gone. */
  failAll(error: RfaasError): void {
    this.#isLost = true;
    for (let slot = 0; slot < this.table.slots; slot += 1) {
      if (!this.table.isWaiting(slot)) continue;
      const invocation = this.table.ownerOf(slot);
      this.table.complete(slot);
      invocation?.reject(error);
      invocation?.releaseBuffers();
    }
  }

  /** Closes the connection and its memory. Idempotent. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#isLost = true;
    await this.endpoint.close();
    this.queue.close();
    this.#context.close();
    for (const result of this.#results) result?.close();
    for (const region of this.#staging) region?.close();
    this.#headers.close();
  }

  #describeConnection(target: RemoteTarget): void {
    const { domain, endpoint, queue, announcement } = this.#parts;
    const words = this.#words;
    setNumber64(words, word.table, domain.transport.tableAddress);
    setNumber64(words, word.endpoint, endpoint.nativeHandle);
    setNumber64(words, word.queue, queue.nativeHandle);
    setNumber64(words, word.headerRegion, this.#headers.nativeHandle);
    setNumber64(words, word.headerAddress, this.#headers.address);
    setNumber64(words, word.slotOffset, 0);
    setNumber64(words, word.slotStride, announcement.slotStride);
    words[word.slotTarget] = target.index;
    words[word.slotMask] = announcement.slots - 1;
  }

  #describeRequest(
    functionIndex: number,
    slot: number,
    id: number,
    input: InputBuffer | undefined,
    inputBytes: number,
    output: OutputBuffer,
  ): void {
    const words = this.#words;
    let flags = SOLICITED | RESULT_GUARDED;
    const region = input === undefined ? this.#staging[slot] : input.region;
    if (region === undefined) {
      flags |= IN_PLACE;
    } else {
      setNumber64(words, word.inputRegion, region.nativeHandle);
      setNumber64(words, word.inputOffset, 0);
    }
    words[word.resultAddress] = output.addressLow;
    words[word.resultAddress + 1] = output.addressHigh;
    words[word.resultKey] = output.keyLow;
    words[word.resultKey + 1] = output.keyHigh;
    words[word.inputBytes] = inputBytes;
    words[word.resultCapacity] = output.bytes.byteLength;
    words[word.invocationId] = id;
    words[word.functionIndex] = functionIndex;
    words[word.flags] = flags;
  }

  #stagingOf(slot: number): MemoryRegion {
    const existing = this.#staging[slot];
    if (existing !== undefined) return existing;
    const made = this.#parts.domain.allocateMemory({
      byteLength: Math.max(1, this.inputBytes),
      access: ['local-write'],
    });
    this.#staging[slot] = made;
    return made;
  }

  #dispatchAll(words: Uint32Array, start: number, count: number, own: boolean): void {
    for (let index = 0; index < count; index += 1) {
      this.#dispatch(words, start + index * COMPLETION_WORDS, own);
    }
  }

  /** `own`: this side took the completion from the queue itself, not the native loop, which keeps its own count. */
  #dispatch(words: Uint32Array, at: number, own: boolean): void {
    const opcode = words[at + 1];
    const status = words[at + 2];
    if (opcode === OPCODE_RECEIVE_IMMEDIATE && status === STATUS_SUCCESS) {
      const immediate = words[at + 5]!;
      this.#reply(immediate >>> 16, immediate & 0xffff, words[at + 6]!);
    } else if (status !== STATUS_SUCCESS) {
      if (opcode === OPCODE_WRITE && own) this.#words[word.spareReceives]! += 1;
      const what = opcode === OPCODE_WRITE ? 'a request to it failed' : 'its connection was closed';
      this.#lose(status === STATUS_FLUSHED ? 'its connection was closed' : `${what} (status ${status})`);
    }
  }

  #reply(id: number, status: number, byteLength: number): void {
    const slot = this.table.slotOf(id);
    if (slot < 0) {
      this.#lose(`it replied to invocation ${id}, which is not in flight`);
      return;
    }
    const invocation = this.table.ownerOf(slot);
    if (invocation === undefined) {
      this.table.complete(slot);
      if (slot === this.#syncSlot) {
        this.replyStatus = status;
        this.replyBytes = byteLength;
      }
      return;
    }
    const result = invocation.output ?? this.#results[slot];
    if (result !== undefined) invocation.replied(status, Math.min(byteLength, result.bytes.byteLength), result);
    this.table.complete(slot);
    invocation.releaseBuffers();
  }

  #checkState(): void {
    const { state } = this.endpoint;
    if (state !== 'established') this.#lose(`its connection is ${state}`);
  }

  #lose(reason: string): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#parts.onLost(`thread ${this.index}: ${reason}`);
  }

  #postError(result: number): RfaasError {
    const errno = -result;
    this.#checkState();
    return new RfaasError(
      this.#isLost ? 'RFAAS_ERR_EXECUTOR_LOST' : 'RFAAS_ERR_INTERNAL',
      `a request to executor thread ${this.index} could not be posted (errno ${errno})`,
      { details: { errno, thread: this.index } },
    );
  }
}

function checkAnnouncement({ index, slots, slotStride, inputBytes, memory }: ThreadAnnouncement): void {
  const fits = slotStride >= SLOT_INPUT_OFFSET + inputBytes && memory.byteLength >= slots * slotStride;
  if (!fits) {
    throw new RfaasError(
      'RFAAS_ERR_PROTOCOL',
      `executor thread ${index} announced ${slots} slots of ${inputBytes} bytes, ${slotStride} apart, ` +
        `in ${memory.byteLength} bytes of memory, where they do not fit`,
    );
  }
}
