import type { CompletionQueue, Endpoint, MemoryRegion, ProtectionDomain, RemoteTarget } from '@rfaas/rdmalib';
import type { OutputBuffer } from './invocation-buffers.ts';
import { IN_PLACE, RESULT_GUARDED, setNumber64, SOLICITED, word } from './invoke-context.ts';
import type { InvokeContext, NativeLoops } from './native-loops.ts';

/** Bytes of an outgoing header's place; the header itself has 32. */
const HEADER_STRIDE = 64;

/** What requests on one connection have in common. */
export interface RequestTarget {
  readonly domain: ProtectionDomain;
  readonly endpoint: Endpoint;
  readonly queue: CompletionQueue;
  /** The executor's slots. */
  readonly slotMemory: RemoteTarget;
  readonly slots: number;
  readonly slotStride: number;
}

/** The context of one connection's native loop, and the memory that its outgoing headers lie in. */
export class RequestContext {
  readonly index: number;
  readonly words: Uint32Array;
  readonly #context: InvokeContext;
  readonly #headers: MemoryRegion;
  /** What the context describes already: calls of one function with the same buffers only need another id. */
  #functionIndex = -1;
  #region: MemoryRegion | undefined;
  #inputBytes = -1;
  #output: OutputBuffer | undefined;

  constructor(loops: NativeLoops, target: RequestTarget) {
    this.#headers = target.domain.allocateMemory({
      byteLength: target.slots * HEADER_STRIDE,
      access: ['local-write'],
    });
    try {
      this.#context = loops.openContext();
    } catch (error) {
      this.#headers.close();
      throw error;
    }
    this.index = this.#context.index;
    this.words = this.#context.words;
    this.#describeConnection(target);
  }

  /** Fills in one request. `region` is where its input lies; undefined where the slot has it already. */
  describe(
    functionIndex: number,
    invocationId: number,
    region: MemoryRegion | undefined,
    inputBytes: number,
    output: OutputBuffer,
  ): void {
    this.words[word.invocationId] = invocationId;
    if (
      output !== this.#output ||
      region !== this.#region ||
      inputBytes !== this.#inputBytes ||
      functionIndex !== this.#functionIndex
    ) {
      this.#describe(functionIndex, region, inputBytes, output);
    }
  }

  #describe(
    functionIndex: number,
    region: MemoryRegion | undefined,
    inputBytes: number,
    output: OutputBuffer,
  ): void {
    const words = this.words;
    let flags = SOLICITED | RESULT_GUARDED;
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
    words[word.resultCapacity] = output.capacity;
    words[word.functionIndex] = functionIndex;
    words[word.flags] = flags;
    this.#functionIndex = functionIndex;
    this.#region = region;
    this.#inputBytes = inputBytes;
    this.#output = output;
  }

  /** A request failed whose reply will never come: the receive that was meant for it is over. */
  countSpareReceive(): void {
    this.words[word.spareReceives]! += 1;
  }

  /** Idempotent. */
  close(): void {
    this.#context.close();
    this.#headers.close();
  }

  #describeConnection({ domain, endpoint, queue, slotMemory, slots, slotStride }: RequestTarget): void {
    const words = this.words;
    setNumber64(words, word.table, domain.transport.tableAddress);
    setNumber64(words, word.endpoint, endpoint.nativeHandle);
    setNumber64(words, word.queue, queue.nativeHandle);
    setNumber64(words, word.headerRegion, this.#headers.nativeHandle);
    setNumber64(words, word.headerAddress, this.#headers.address);
    setNumber64(words, word.slotOffset, 0);
    setNumber64(words, word.slotStride, slotStride);
    words[word.slotTarget] = slotMemory.index;
    words[word.slotMask] = slots - 1;
  }
}
