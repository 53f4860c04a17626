import { RfaasError } from '@rfaas/core';
import type { MemoryRegion, ProtectionDomain } from '@rfaas/rdmalib';
import type { InvocationTable } from './invocation-table.ts';

/** A typed array class, to see a buffer as numbers. */
export type TypedArrayConstructor<View> = new (
  buffer: ArrayBufferLike,
  byteOffset: number,
  length: number,
) => View;

/** Input that an executor reads without a copy in between, made by `executor.allocateInput`. */
export interface InvocationInput extends Disposable {
  /** Write the input here. */
  readonly bytes: Uint8Array;
  /** How many of the bytes an invocation sends. All of them at first. */
  length: number;
  /** True where the bytes lie inside a slot of the executor, so that not even the transport copies them. */
  readonly isMapped: boolean;
  /** The same bytes as numbers, e.g. `input.as(Float64Array)`. */
  as<View>(type: TypedArrayConstructor<View> & { readonly BYTES_PER_ELEMENT: number }): View;
  /** Gives the memory back; views of it must not be used any more. Idempotent. */
  free(): void;
}

/** Registered memory that an executor writes its output to, made by `executor.allocateOutput`. */
export interface InvocationOutput extends Disposable {
  /** The whole buffer; an invocation says how many bytes of it are its output. */
  readonly bytes: Uint8Array;
  /** The same bytes as numbers, e.g. `output.as(Float64Array)`. */
  as<View>(type: TypedArrayConstructor<View> & { readonly BYTES_PER_ELEMENT: number }): View;
  /** Gives the memory back, at the latest when the reply of an invocation in flight comes. Idempotent. */
  free(): void;
}

const ALIGNMENT = 64;
const PAGE = 4096;

/** The implementation of {@link InvocationOutput}; its fields are what a request must say about the result. */
export class OutputBuffer implements InvocationOutput {
  readonly owner: object;
  readonly bytes: Uint8Array;
  /** Bytes that may be written. */
  readonly capacity: number;
  readonly addressLow: number;
  readonly addressHigh: number;
  readonly keyLow: number;
  readonly keyHigh: number;
  /** An invocation may write here: in flight, or given up and quarantined. */
  isBusy = false;
  isFreed = false;
  readonly #region: MemoryRegion;
  readonly #onFreed: ((buffer: OutputBuffer) => void) | undefined;

  /** `byteLength` may be 0. The buffer ends at a guard page, so that a function cannot write beyond it unseen. */
  constructor(
    owner: object,
    domain: ProtectionDomain,
    byteLength: number,
    onFreed?: (buffer: OutputBuffer) => void,
  ) {
    this.owner = owner;
    this.capacity = byteLength;
    this.#onFreed = onFreed;
    const room = roundUp(byteLength, ALIGNMENT);
    const regionBytes = Math.max(PAGE, roundUp(room, PAGE));
    this.#region = domain.allocateMemory({
      byteLength: regionBytes,
      access: ['local-write', 'remote-write'],
      guardPage: true,
    });
    const offset = regionBytes - room;
    this.bytes = this.#region.bytes.subarray(offset, offset + byteLength);
    const { address, rkey } = this.#region.remote;
    const start = address + BigInt(offset);
    this.addressLow = Number(start & 0xffff_ffffn);
    this.addressHigh = Number(start >> 32n);
    this.keyLow = Number(rkey & 0xffff_ffffn);
    this.keyHigh = Number(rkey >> 32n);
  }

  as<View>(type: TypedArrayConstructor<View> & { readonly BYTES_PER_ELEMENT: number }): View {
    return viewAs(this.bytes, type);
  }

  /** An invocation that could have written here is over. */
  release(): void {
    this.isBusy = false;
    if (this.isFreed) this.close();
  }

  free(): void {
    if (this.isFreed) return;
    this.isFreed = true;
    if (!this.isBusy) this.close();
  }

  /** Deregisters at once, whatever is in flight. */
  close(): void {
    this.isFreed = true;
    this.#region.close();
    this.#onFreed?.(this);
  }

  [Symbol.dispose](): void {
    this.free();
  }
}

/** Where a slot-bound input lives. */
export interface SlotPlace {
  readonly table: Pick<InvocationTable<unknown>, 'unhold'>;
  readonly threadIndex: number;
  readonly slot: number;
}

/** The implementation of {@link InvocationInput}: in a slot of the executor, or in registered local memory. */
export class InputBuffer implements InvocationInput {
  readonly owner: object;
  readonly bytes: Uint8Array;
  readonly place: SlotPlace | undefined;
  readonly region: MemoryRegion | undefined;
  /** Invocations in flight that read it. */
  uses = 0;
  isFreed = false;
  readonly #onFreed: (buffer: InputBuffer) => void;
  #length: number;

  constructor(
    owner: object,
    bytes: Uint8Array,
    memory: { readonly place: SlotPlace } | { readonly region: MemoryRegion },
    onFreed: (buffer: InputBuffer) => void,
  ) {
    this.owner = owner;
    this.bytes = bytes;
    this.place = 'place' in memory ? memory.place : undefined;
    this.region = 'region' in memory ? memory.region : undefined;
    this.#length = bytes.byteLength;
    this.#onFreed = onFreed;
  }

  get isMapped(): boolean {
    return this.place !== undefined;
  }

  get length(): number {
    return this.#length;
  }

  set length(length: number) {
    if (!Number.isInteger(length) || length < 0 || length > this.bytes.byteLength) {
      throw new RfaasError(
        'RFAAS_ERR_USAGE',
        `an input of ${this.bytes.byteLength} bytes cannot send ${length} of them`,
      );
    }
    this.#length = length;
  }

  as<View>(type: TypedArrayConstructor<View> & { readonly BYTES_PER_ELEMENT: number }): View {
    return viewAs(this.bytes, type);
  }

  /** An invocation that read it is over. */
  release(): void {
    this.uses -= 1;
    if (this.isFreed && this.uses === 0) this.close();
  }

  free(): void {
    if (this.isFreed) return;
    this.isFreed = true;
    this.place?.table.unhold(this.place.slot);
    if (this.uses === 0) this.close();
  }

  /** Gives local memory back at once, whatever is in flight. */
  close(): void {
    this.isFreed = true;
    this.region?.close();
    this.#onFreed(this);
  }

  [Symbol.dispose](): void {
    this.free();
  }
}

function viewAs<View>(
  bytes: Uint8Array,
  type: TypedArrayConstructor<View> & { readonly BYTES_PER_ELEMENT: number },
): View {
  return new type(bytes.buffer, bytes.byteOffset, Math.floor(bytes.byteLength / type.BYTES_PER_ELEMENT));
}

function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}
