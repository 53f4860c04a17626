import type {
  CompletionQueue,
  DisconnectReason,
  Endpoint,
  MemoryOptions,
  MemoryRegion,
  ProtectionDomain,
  RemoteTarget,
  WorkCompletionBatch,
} from '@rfaas/rdmalib';
import { ExecutorThread } from '../src/executor-thread.ts';
import {
  COMPLETION_WORDS,
  CONTEXT_BYTES,
  IN_PLACE,
  REPLIED,
  TIMED_OUT,
  word,
} from '../src/invoke-context.ts';
import type { NativeLoops } from '../src/native-loops.ts';

/** A request as the executor got it. */
export interface FakeRequest {
  readonly thread: number;
  readonly id: number;
  readonly slot: number;
  readonly functionIndex: number;
  readonly input: Uint8Array;
  readonly capacity: number;
  readonly resultAddress: bigint;
}

export interface FakeOptions {
  readonly threads?: number;
  readonly slots?: number;
  readonly inputBytes?: number;
  readonly outputBytes?: number;
  readonly directMap?: boolean;
}

const STRIDE = 4096;
const WRITE = 2;
const RECEIVE_IMMEDIATE = 7;

/** Memory and connections of an executor that a test plays: requests pile up until the test replies. */
export class FakeExecutor {
  readonly requests: FakeRequest[] = [];
  readonly openRegions = new Set<MemoryRegion>();
  readonly lost: string[] = [];
  readonly owner = {};
  readonly threads: ExecutorThread[];
  readonly domain: ProtectionDomain;
  /** Answers a synchronous invocation at once; without it the invocation times out. */
  onInvoke: ((request: FakeRequest) => void) | undefined;
  /** Sees every request that is submitted and may answer it at once. */
  onSubmit: ((request: FakeRequest) => void) | undefined;
  /** Hears of every loss. */
  onLost: (() => void) | undefined;
  /** What the next submit or invoke returns instead of posting. */
  nextPostResult = 0;
  readonly #connections: FakeConnection[];
  readonly #regions = new Map<bigint, MemoryRegion>();
  #nextAddress = 0x1000n;

  constructor(options: FakeOptions = {}) {
    const { threads = 1, slots = 4, inputBytes = 1024, outputBytes = 1024, directMap = true } = options;
    this.domain = {
      transport: { tableAddress: 1, capabilities: { directMap } },
      allocateMemory: (memory: MemoryOptions) => this.#allocate(memory),
    } as unknown as ProtectionDomain;
    this.#connections = Array.from({ length: threads }, (_, index) => new FakeConnection(this, index, slots));
    this.threads = this.#connections.map(
      (connection, index) =>
        new ExecutorThread({
          domain: this.domain,
          endpoint: connection.endpoint,
          queue: connection.queue,
          loops: connection.loops,
          announcement: { index, slots, slotStride: STRIDE, inputBytes, outputBytes },
          slotMemory: { index: 0 } as unknown as RemoteTarget,
          owner: this.owner,
          isControlled: () => true,
          onLost: (reason) => {
            this.lost.push(reason);
            this.onLost?.();
          },
        }),
    );
  }

  /** Replies: `output` is written into the result that the request named. */
  reply(request: FakeRequest, output: Uint8Array | string = '', status = 0): void {
    const bytes = typeof output === 'string' ? new TextEncoder().encode(output) : output;
    this.write(request, bytes);
    this.replyRaw(request, bytes.byteLength, status);
  }

  /** Only the write of an output, as by an executor that is slow. */
  write(request: FakeRequest, bytes: Uint8Array): void {
    for (const [start, region] of this.#regions) {
      const offset = Number(request.resultAddress - start);
      if (offset >= 0 && offset <= region.byteLength) {
        region.bytes.set(bytes.subarray(0, region.byteLength - offset), offset);
      }
    }
  }

  /** Only the reply's completion. */
  replyRaw(
    { thread, id }: { readonly thread: number; readonly id: number },
    byteLength: number,
    status = 0,
  ): void {
    const immediate = ((id << 16) | status) >>> 0;
    this.#connections[thread]!.complete([1, RECEIVE_IMMEDIATE, 0, 0, 8, immediate, byteLength, 0]);
  }

  /** The request itself fails. */
  failRequest({ thread, id }: FakeRequest, status: number): void {
    this.#connections[thread]!.complete([1, WRITE, status, id, 0, 0, 0, 0]);
  }

  disconnect(thread = 0): void {
    this.#connections[thread]!.disconnect({ kind: 'closed-by-peer' });
  }

  spareReceives(thread = 0): number {
    return this.#connections[thread]!.words[word.spareReceives]!;
  }

  #allocate({ byteLength }: MemoryOptions): MemoryRegion {
    const address = this.#nextAddress;
    this.#nextAddress += BigInt(byteLength) + 0x1000n;
    const region = {
      bytes: new Uint8Array(byteLength),
      byteLength,
      address: Number(address),
      nativeHandle: Number(address),
      remote: { address, rkey: 7n, byteLength },
      close: () => {
        this.openRegions.delete(region);
        this.#regions.delete(address);
      },
    } as unknown as MemoryRegion;
    this.openRegions.add(region);
    this.#regions.set(address, region);
    return region;
  }

  regionBytes(handle: number): Uint8Array {
    return this.#regions.get(BigInt(handle))!.bytes;
  }
}

class FakeConnection {
  readonly words = new Uint32Array(CONTEXT_BYTES / 4);
  readonly slotMemory: Uint8Array;
  readonly endpoint: Endpoint;
  readonly queue: CompletionQueue;
  readonly loops: NativeLoops;
  readonly #completions: number[][] = [];
  #state = 'established';
  #wake: (() => void)[] = [];
  #resolveDisconnected!: (reason: DisconnectReason) => void;

  constructor(executor: FakeExecutor, thread: number, slots: number) {
    this.slotMemory = new Uint8Array(slots * STRIDE);
    const disconnected = new Promise<DisconnectReason>((resolve) => {
      this.#resolveDisconnected = resolve;
    });
    const state = (): string => this.#state;
    this.endpoint = {
      nativeHandle: 2,
      get state() {
        return state();
      },
      disconnected,
      mapRemote: () => this.slotMemory,
      close: async () => this.disconnect({ kind: 'closed-locally' }),
    } as unknown as Endpoint;
    this.queue = {
      nativeHandle: 3,
      poll: (batch: WorkCompletionBatch) => this.#poll(batch),
      spin: (batch: WorkCompletionBatch) => this.#poll(batch),
      readable: ({ signal }: { signal?: AbortSignal } = {}) => this.#readable(signal),
      close: () => undefined,
    } as unknown as CompletionQueue;
    this.loops = {
      openContext: () => ({ index: thread, words: this.words, close: () => undefined }),
      submit: () => this.#post(executor, thread, false),
      invoke: () => this.#post(executor, thread, true),
    };
  }

  complete(words: number[]): void {
    this.#completions.push(words);
    this.#wakeAll();
  }

  disconnect(reason: DisconnectReason): void {
    this.#state = 'disconnected';
    this.#resolveDisconnected(reason);
    this.#wakeAll();
  }

  #post(executor: FakeExecutor, thread: number, isSync: boolean): number {
    if (executor.nextPostResult < 0) {
      const result = executor.nextPostResult;
      executor.nextPostResult = 0;
      return result;
    }
    const { words } = this;
    const id = words[word.invocationId]!;
    const slot = id & words[word.slotMask]!;
    const inputBytes = words[word.inputBytes]!;
    const inPlace = (words[word.flags]! & IN_PLACE) !== 0;
    const start = slot * STRIDE + 64;
    const source = inPlace ? this.slotMemory.subarray(start) : executor.regionBytes(words[word.inputRegion]!);
    const request: FakeRequest = {
      thread,
      id,
      slot,
      functionIndex: words[word.functionIndex]!,
      input: source.slice(0, inputBytes),
      capacity: words[word.resultCapacity]!,
      resultAddress: BigInt(words[word.resultAddress]!) | (BigInt(words[word.resultAddress + 1]!) << 32n),
    };
    executor.requests.push(request);
    words[word.otherCount] = 0;
    if (!isSync) {
      executor.onSubmit?.(request);
      return 0;
    }
    executor.onInvoke?.(request);
    return this.#takeOwn(id);
  }

  /** As the native loop: its own reply is taken, what else came is handed over in `others`. */
  #takeOwn(id: number): number {
    const { words } = this;
    let result = TIMED_OUT;
    for (const completion of this.#completions.splice(0)) {
      if (completion[1] === RECEIVE_IMMEDIATE && completion[5]! >>> 16 === id) {
        words[word.status] = completion[5]! & 0xffff;
        words[word.outputBytes] = completion[6]!;
        result = REPLIED;
      } else {
        words.set(completion, word.others + words[word.otherCount]! * COMPLETION_WORDS);
        words[word.otherCount]! += 1;
      }
    }
    return result;
  }

  #poll(batch: WorkCompletionBatch): number {
    const taken = this.#completions.splice(0, batch.capacity);
    taken.forEach((completion, index) => batch.words.set(completion, index * COMPLETION_WORDS));
    batch.length = taken.length;
    return taken.length;
  }

  async #readable(signal: AbortSignal | undefined): Promise<void> {
    if (this.#completions.length > 0) return;
    await new Promise<void>((resolve, reject) => {
      this.#wake.push(resolve);
      signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
  }

  #wakeAll(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}
