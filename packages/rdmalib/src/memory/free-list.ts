interface Block {
  offset: number;
  length: number;
}

/** Which stretches of a chunk are free. Best fit; neighbours that become free are joined. */
export class FreeList {
  /** By offset; no two touch. */
  readonly #blocks: Block[];

  constructor(length: number) {
    this.#blocks = [{ offset: 0, length }];
  }

  /** Bytes that are free altogether. */
  get freeBytes(): number {
    return this.#blocks.reduce((sum, block) => sum + block.length, 0);
  }

  /** Takes `length` bytes from the smallest block that has them: their offset, or undefined if none has. */
  take(length: number): number | undefined {
    let best: Block | undefined;
    for (const block of this.#blocks) {
      if (block.length >= length && (best === undefined || block.length < best.length)) {
        best = block;
      }
    }
    if (best === undefined) {
      return undefined;
    }
    const { offset } = best;
    best.offset += length;
    best.length -= length;
    if (best.length === 0) {
      this.#blocks.splice(this.#blocks.indexOf(best), 1);
    }
    return offset;
  }

  /** Gives back what `take` returned. */
  give(offset: number, length: number): void {
    const index = this.#indexAfter(offset);
    const before = this.#blocks[index - 1];
    const after = this.#blocks[index];
    const joinsBefore = before !== undefined && before.offset + before.length === offset;
    const joinsAfter = after !== undefined && offset + length === after.offset;
    if (joinsBefore && joinsAfter) {
      before.length += length + after.length;
      this.#blocks.splice(index, 1);
    } else if (joinsBefore) {
      before.length += length;
    } else if (joinsAfter) {
      after.offset = offset;
      after.length += length;
    } else {
      this.#blocks.splice(index, 0, { offset, length });
    }
  }

  /** Where the first block behind `offset` is. */
  #indexAfter(offset: number): number {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#blocks[middle]?.offset ?? Infinity) > offset) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }
}
