import { invocationInputOffset } from '@rfaas/core';
import type { MemoryRegion, ProtectionDomain } from '@rfaas/rdmalib';
import { OutputBuffer } from './invocation-buffers.ts';
import type { ThreadParts } from './thread-parts.ts';

/** What an executor thread announced when it was ready. */
export interface ThreadAnnouncement {
  readonly index: number;
  readonly slots: number;
  readonly slotStride: number;
  readonly inputBytes: number;
  readonly outputBytes: number;
}

/**
 * The memory of one thread's slots: where an input is put for a slot, and where the slot's output comes. Local memory
 * is allocated when a slot is used for the first time.
 */
export class SlotMemory {
  readonly #domain: ProtectionDomain;
  readonly #owner: object;
  readonly #announcement: ThreadAnnouncement;
  readonly #mapping: Uint8Array | undefined;
  readonly #staging: (MemoryRegion | undefined)[];
  readonly #results: (OutputBuffer | undefined)[];

  constructor(parts: Pick<ThreadParts, 'domain' | 'endpoint' | 'announcement' | 'slotMemory' | 'owner'>) {
    const { domain, endpoint, announcement, slotMemory, owner } = parts;
    this.#domain = domain;
    this.#owner = owner;
    this.#announcement = announcement;
    this.#mapping = domain.transport.capabilities.directMap ? endpoint.mapRemote(slotMemory) : undefined;
    this.#staging = new Array<MemoryRegion | undefined>(announcement.slots).fill(undefined);
    this.#results = new Array<OutputBuffer | undefined>(announcement.slots).fill(undefined);
  }

  /** Whether the executor's slots are mapped here. */
  get isMapped(): boolean {
    return this.#mapping !== undefined;
  }

  /** The input of a slot inside the executor, where the transport maps it. */
  mappedInput(slot: number, byteLength: number): Uint8Array | undefined {
    const start = slot * this.#announcement.slotStride + invocationInputOffset;
    return this.#mapping?.subarray(start, start + byteLength);
  }

  /** Copies an input to where the slot's request takes it from. */
  placeInput(slot: number, input: Uint8Array): void {
    if (this.#mapping !== undefined) {
      this.#mapping.set(input, slot * this.#announcement.slotStride + invocationInputOffset);
      return;
    }
    this.#staging[slot] ??= this.#domain.allocateMemory({
      byteLength: Math.max(1, this.#announcement.inputBytes),
      access: ['local-write'],
    });
    this.#staging[slot].bytes.set(input);
  }

  /** Where {@link placeInput} put the slot's input; undefined if that is the slot itself. */
  stagingOf(slot: number): MemoryRegion | undefined {
    return this.#staging[slot];
  }

  /** The slot's own result buffer, for invocations that bring none. */
  resultOf(slot: number): OutputBuffer {
    const existing = this.#results[slot];
    if (existing !== undefined) return existing;
    const made = new OutputBuffer(this.#owner, this.#domain, this.#announcement.outputBytes);
    this.#results[slot] = made;
    return made;
  }

  /** Gives local memory back. Idempotent. */
  close(): void {
    for (const result of this.#results) result?.close();
    for (const region of this.#staging) region?.close();
  }
}
