import type { LocalSegment, MemoryRegion } from '../transport/memory-region.ts';

/** How much of a region slots take: whole cache lines each. */
export function slotsBytes(count: number, slotBytes: number): number {
  return count * wholeLines(slotBytes);
}

/** A part of a region, cut into equal slots; a request's wrId is the number of its slot. */
export class MessageSlots {
  readonly slotBytes: number;
  readonly #region: MemoryRegion;
  readonly #start: number;
  readonly #free: number[];

  /** They take {@link slotsBytes} of the region from `start` on. */
  constructor(region: MemoryRegion, start: number, count: number, slotBytes: number) {
    this.slotBytes = wholeLines(slotBytes);
    this.#region = region;
    this.#start = start;
    this.#free = Array.from({ length: count }, (_, index) => count - 1 - index);
  }

  /** Takes a free slot, or undefined when there is none. */
  take(): number | undefined {
    return this.#free.pop();
  }

  give(slot: number): void {
    this.#free.push(slot);
  }

  bytes(slot: number): Uint8Array {
    const start = this.#start + slot * this.slotBytes;
    return this.#region.bytes.subarray(start, start + this.slotBytes);
  }

  segment(slot: number, byteLength: number): LocalSegment {
    return { region: this.#region, offset: this.#start + slot * this.slotBytes, byteLength };
  }
}

function wholeLines(bytes: number): number {
  return Math.ceil(bytes / 64) * 64;
}
