import { constants } from 'node:buffer';
import { InvalidArgumentError } from '../errors.ts';
import { viewNativeMemory } from './koffi-backend.ts';
import type { NativeFunction } from './native-library.ts';

interface Range {
  address: number;
  mappedLength: number;
  readonly unmap: NativeFunction;
}

// A view cannot be detached and reading unmapped memory crashes: address space goes back only when nothing can see it.
const collected = new FinalizationRegistry<Range>(({ unmap, address, mappedLength }) => {
  if (mappedLength > 0) {
    unmap(address, mappedLength);
  }
});

// A buffer keeps its mapping alive, and with it the address space; the mapping does not keep the buffer.
const mappingOfBuffer = new WeakMap<ArrayBuffer, MappedMemory>();

/**
 * A stretch of address space that native code mapped for us, released when this object and every view of it were
 * collected. Whoever makes one keeps it for as long as native code may use the memory.
 */
export class MappedMemory {
  readonly #range: Range;

  constructor(unmap: NativeFunction) {
    this.#range = { address: 0, mappedLength: 0, unmap };
    collected.register(this, this.#range);
  }

  /** Says what to release. Without it nothing is. */
  release(address: number, mappedLength: number): void {
    this.#range.address = address;
    this.#range.mappedLength = mappedLength;
  }

  view(address: number, byteLength: number): Uint8Array {
    requireViewable(byteLength);
    const buffer = viewNativeMemory(address, byteLength);
    mappingOfBuffer.set(buffer, this);
    return new Uint8Array(buffer);
  }
}

/** Throws InvalidArgumentError for more bytes than one typed array can span. */
export function requireViewable(byteLength: number): void {
  if (byteLength > constants.MAX_LENGTH) {
    throw new InvalidArgumentError(
      `cannot show ${byteLength} bytes of memory in one view: ${constants.MAX_LENGTH} is the most in this version of ` +
        'Node; use several regions',
      { operation: 'allocateMemory' },
    );
  }
}
