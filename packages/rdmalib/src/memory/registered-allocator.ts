import { UnsupportedOperationError } from '../errors.ts';
import type { LocalSegment, MemoryAccess, RemoteMemory } from '../transport/memory-region.ts';
import type { ProtectionDomain } from '../transport/protection-domain.ts';

/** A typed view that the allocator can hand out. */
export type RegisteredView =
  | Uint8Array
  | Uint8ClampedArray
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | BigUint64Array
  | BigInt64Array
  | Float32Array
  | Float64Array;

/** A typed array class, e.g. `Float64Array`. */
export interface RegisteredViewConstructor<View extends RegisteredView> {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBuffer, byteOffset: number, length: number): View;
}

/** How a RegisteredAllocator is made. */
export interface RegisteredAllocatorOptions {
  readonly access: readonly MemoryAccess[];
  /** Registered at a time; a larger allocation gets a chunk of its own. Default 1 MiB. */
  readonly chunkBytes?: number | undefined;
  /** A guard page behind every chunk. Default false. */
  readonly guardPage?: boolean | undefined;
}

/** Where a peer finds an allocation: the region that it lies in, and how far from its start. */
export interface RemoteAllocation extends RemoteMemory {
  /** Bytes from the remote memory's start to the view's first byte. */
  readonly offset: number;
}

/** Hands out typed arrays in registered memory and takes them back. */
export class RegisteredAllocator implements Disposable {
  constructor(_domain: ProtectionDomain, _options: RegisteredAllocatorOptions) {
    throw new UnsupportedOperationError('not built yet');
  }

  allocate<View extends RegisteredView>(_type: RegisteredViewConstructor<View>, _length: number): View {
    throw new UnsupportedOperationError('not built yet');
  }

  free(_view: RegisteredView): void {}

  segment(_view: RegisteredView): LocalSegment {
    throw new UnsupportedOperationError('not built yet');
  }

  remote(_view: RegisteredView): RemoteAllocation {
    throw new UnsupportedOperationError('not built yet');
  }

  close(): void {}

  [Symbol.dispose](): void {
    this.close();
  }
}
