import type { ServeContext } from '../native/serve-context.ts';
import { serveWord } from '../native/serve-context-layout.ts';

const wordRange = 2 ** 32;
/** Mappings of client memory whose views are remembered. */
const maxMappings = 256;

/** The memory of one slot's output. */
export interface OutputMemory {
  readonly bytes: Uint8Array;
  readonly address: number;
}

interface CachedView {
  addressLow: number;
  addressHigh: number;
  capacity: number;
  mapping: number;
  view: Uint8Array | undefined;
}

/**
 * Views of the memory that a request's output goes to: the slot's own, or mapped memory of the client. A view is made
 * once for each place and capacity, as long as a slot keeps to it.
 */
export class OutputViews {
  readonly #context: ServeContext;
  readonly #own: readonly OutputMemory[];
  readonly #mappings = new Map<number, OutputMemory>();
  readonly #last: CachedView[];

  constructor(context: ServeContext, own: readonly OutputMemory[]) {
    this.#context = context;
    this.#own = own;
    this.#last = own.map(() => ({
      addressLow: 0,
      addressHigh: 0,
      capacity: -1,
      mapping: -1,
      view: undefined,
    }));
  }

  /** The output of the request that the context holds, in `slot`. */
  view(slot: number): Uint8Array {
    const words = this.#context.words;
    const last = this.#last[slot] as CachedView;
    if (
      last.view !== undefined &&
      last.addressLow === words[serveWord.requestOutput] &&
      last.addressHigh === words[serveWord.requestOutput + 1] &&
      last.capacity === words[serveWord.requestCapacity] &&
      last.mapping === words[serveWord.requestOutputMapping]
    ) {
      return last.view;
    }
    return this.#make(slot, last);
  }

  #make(slot: number, last: CachedView): Uint8Array {
    const words = this.#context.words;
    last.addressLow = words[serveWord.requestOutput] as number;
    last.addressHigh = words[serveWord.requestOutput + 1] as number;
    last.capacity = words[serveWord.requestCapacity] as number;
    last.mapping = words[serveWord.requestOutputMapping] as number;
    const memory = last.mapping === 0 ? (this.#own[slot] as OutputMemory) : this.#mapped(last.mapping);
    const offset = last.addressHigh * wordRange + last.addressLow - memory.address;
    last.view = memory.bytes.subarray(offset, offset + last.capacity);
    return last.view;
  }

  #mapped(mapping: number): OutputMemory {
    let memory = this.#mappings.get(mapping);
    if (memory === undefined) {
      if (this.#mappings.size >= maxMappings) {
        this.#mappings.clear();
      }
      const address = this.#context.get64('requestMappingAddress');
      memory = { address, bytes: this.#context.view(address, this.#context.get64('requestMappingBytes')) };
      this.#mappings.set(mapping, memory);
    }
    return memory;
  }
}
