/** Lengths remembered for each slot; beyond them views are made anew. */
const lengthsPerSlot = 32;

/** Views of inputs in a thread's slots, made once for each slot and length. */
export class InputViews {
  readonly #bytes: Uint8Array;
  readonly #stride: number;
  readonly #inputOffset: number;
  readonly #last: (Uint8Array | undefined)[];
  readonly #known: Map<number, Uint8Array>[];

  /** `bytes` are the slots, of `stride` bytes each, in which the input begins at `inputOffset`. */
  constructor(bytes: Uint8Array, slots: number, stride: number, inputOffset: number) {
    this.#bytes = bytes;
    this.#stride = stride;
    this.#inputOffset = inputOffset;
    this.#last = new Array<Uint8Array | undefined>(slots).fill(undefined);
    this.#known = Array.from({ length: slots }, () => new Map<number, Uint8Array>());
  }

  /** The first `byteLength` bytes of the input in a slot. */
  view(slot: number, byteLength: number): Uint8Array {
    const last = this.#last[slot];
    return last !== undefined && last.length === byteLength ? last : this.#find(slot, byteLength);
  }

  #find(slot: number, byteLength: number): Uint8Array {
    const known = this.#known[slot] as Map<number, Uint8Array>;
    let view = known.get(byteLength);
    if (view === undefined) {
      if (known.size >= lengthsPerSlot) {
        known.clear();
      }
      const start = slot * this.#stride + this.#inputOffset;
      view = this.#bytes.subarray(start, start + byteLength);
      known.set(byteLength, view);
    }
    this.#last[slot] = view;
    return view;
  }
}
