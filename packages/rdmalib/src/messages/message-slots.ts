import type { LocalSegment, MemoryRegion } from '../transport/memory-region.ts';
import type { ProtectionDomain } from '../transport/protection-domain.ts';

/** A region cut into equal slots; a request's wrId is the number of its slot. */
export class MessageSlots {
  readonly slotBytes: number;
  readonly count: number;
  readonly #region: MemoryRegion;
  readonly #free: number[];

  constructor(domain: ProtectionDomain, count: number, slotBytes: number) {
    this.slotBytes = Math.ceil(slotBytes / 64) * 64;
    this.count = count;
    this.#region = domain.allocateMemory({ byteLength: count * this.slotBytes, access: ['local-write'] });
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
    return this.#region.bytes.subarray(slot * this.slotBytes, (slot + 1) * this.slotBytes);
  }

  segment(slot: number, byteLength: number): LocalSegment {
    return { region: this.#region, offset: slot * this.slotBytes, byteLength };
  }

  close(): void {
    this.#region.close();
  }
}
