import { ClosedError, InvalidArgumentError } from '../errors.ts';
import type { LocalSegment, MemoryAccess, MemoryRegion, RemoteMemory } from '../transport/memory-region.ts';
import type { ProtectionDomain } from '../transport/protection-domain.ts';
import { FreeList } from './free-list.ts';

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
  /** As of typed arrays. */
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBuffer, byteOffset: number, length: number): View;
}

/** How a RegisteredAllocator is made. */
export interface RegisteredAllocatorOptions {
  /** What peers and this side may do with what is allocated. */
  readonly access: readonly MemoryAccess[];
  /** Registered at a time; what is larger gets a region of its own, which ends when it is freed. Default 1 MiB. */
  readonly chunkBytes?: number | undefined;
  /** A guard page behind every region. Default false. */
  readonly guardPage?: boolean | undefined;
}

/** Where a peer finds an allocation: the region that it lies in, and how far from its start. */
export interface RemoteAllocation extends RemoteMemory {
  /** Bytes from the remote memory's start to the view's first byte; the `targetOffset` of a post. */
  readonly offset: number;
}

interface Chunk {
  readonly region: MemoryRegion;
  readonly buffer: ArrayBuffer;
  readonly free: FreeList;
  /** Made for one allocation that is larger than a chunk. */
  readonly dedicated: boolean;
}

interface Allocation {
  readonly chunk: Chunk;
  readonly offset: number;
  /** What the view spans. */
  readonly byteLength: number;
  /** What it takes from the chunk. */
  readonly taken: number;
}

const defaultChunkBytes = 1024 * 1024;

/** A cache line; also what the invocation header and vector instructions like. */
const alignment = 64;

/**
 * Hands out typed arrays in registered memory and takes them back, so that values can be computed where a device
 * sends them from. Grows by whole regions. Views are zeroed and begin at multiples of 64 bytes.
 *
 * A view that was kept after `close` reads zeros and never crashes. A view that was kept after `free` may show what
 * is allocated there next.
 */
export class RegisteredAllocator implements Disposable {
  readonly #domain: ProtectionDomain;
  readonly #options: RegisteredAllocatorOptions;
  readonly #chunkBytes: number;
  readonly #chunks = new Map<ArrayBufferLike, Chunk>();
  readonly #live = new Map<RegisteredView, Allocation>();
  #closed = false;

  constructor(domain: ProtectionDomain, options: RegisteredAllocatorOptions) {
    const chunkBytes = options.chunkBytes ?? defaultChunkBytes;
    if (!Number.isSafeInteger(chunkBytes) || chunkBytes < alignment) {
      throw new InvalidArgumentError(
        `cannot allocate in chunks of ${chunkBytes} bytes: at least ${alignment} are needed`,
        {
          operation: 'RegisteredAllocator',
        },
      );
    }
    this.#domain = domain;
    this.#options = options;
    this.#chunkBytes = roundUp(chunkBytes);
  }

  /** `length` elements of a type, zeroed. Throws InvalidArgumentError, ClosedError, or RdmaError when memory is out. */
  allocate<View extends RegisteredView>(type: RegisteredViewConstructor<View>, length: number): View {
    this.#requireOpen('allocate');
    const byteLength = length * type.BYTES_PER_ELEMENT;
    if (!Number.isSafeInteger(length) || length < 0 || !Number.isSafeInteger(byteLength)) {
      throw new InvalidArgumentError(`cannot allocate ${length} elements: a whole number is needed`, {
        operation: 'allocate',
      });
    }
    const taken = roundUp(Math.max(byteLength, 1));
    const { chunk, offset } = this.#find(taken);
    new Uint8Array(chunk.buffer, offset, taken).fill(0);
    const view = new type(chunk.buffer, offset, length);
    this.#live.set(view, { chunk, offset, byteLength, taken });
    return view;
  }

  /** Takes back what `allocate` returned, that very object. Throws InvalidArgumentError for anything else. */
  free(view: RegisteredView): void {
    this.#requireOpen('free');
    const allocation = this.#live.get(view);
    if (allocation === undefined) {
      throw new InvalidArgumentError(
        'cannot free a view: this allocator did not return it, or it was freed already; a part of a view cannot be freed',
        { operation: 'free' },
      );
    }
    this.#live.delete(view);
    const { chunk } = allocation;
    if (chunk.dedicated) {
      this.#chunks.delete(chunk.buffer);
      chunk.region.close();
    } else {
      chunk.free.give(allocation.offset, allocation.taken);
    }
  }

  /** The segment to post for a view, which may also be a part (`subarray`) of what `allocate` returned. */
  segment(view: RegisteredView): LocalSegment {
    const { chunk } = this.#locate(view, 'segment');
    return { region: chunk.region, offset: view.byteOffset, byteLength: view.byteLength };
  }

  /** What a peer needs to reach a view, which may also be a part of what `allocate` returned. */
  remote(view: RegisteredView): RemoteAllocation {
    const { chunk } = this.#locate(view, 'remote');
    return { ...chunk.region.remote, offset: view.byteOffset };
  }

  /** Deregisters all of it, allocated or not. Idempotent. */
  close(): void {
    this.#closed = true;
    for (const chunk of this.#chunks.values()) {
      chunk.region.close();
    }
    this.#chunks.clear();
    this.#live.clear();
  }

  /** The same as `close`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #find(taken: number): { readonly chunk: Chunk; readonly offset: number } {
    if (taken <= this.#chunkBytes) {
      for (const chunk of this.#chunks.values()) {
        const offset = chunk.dedicated ? undefined : chunk.free.take(taken);
        if (offset !== undefined) {
          return { chunk, offset };
        }
      }
    }
    const chunk = this.#grow(Math.max(taken, this.#chunkBytes), taken > this.#chunkBytes);
    chunk.free.take(taken);
    return { chunk, offset: 0 };
  }

  #grow(byteLength: number, dedicated: boolean): Chunk {
    const { access, guardPage } = this.#options;
    const region = this.#domain.allocateMemory({ byteLength, access, guardPage });
    const buffer = region.bytes.buffer as ArrayBuffer;
    const chunk = { region, buffer, free: new FreeList(byteLength), dedicated };
    this.#chunks.set(buffer, chunk);
    return chunk;
  }

  #locate(view: RegisteredView, operation: string): Allocation {
    this.#requireOpen(operation);
    const allocation = this.#live.get(view) ?? this.#enclosing(view);
    if (allocation === undefined) {
      throw new InvalidArgumentError(
        'cannot name the registered memory of a view: it lies in nothing that this allocator has allocated now',
        { operation },
      );
    }
    return allocation;
  }

  #enclosing(view: RegisteredView): Allocation | undefined {
    if (!this.#chunks.has(view.buffer)) {
      return undefined;
    }
    const start = view.byteOffset;
    const end = start + view.byteLength;
    for (const allocation of this.#live.values()) {
      const { chunk, offset, byteLength } = allocation;
      if (chunk.buffer === view.buffer && start >= offset && end <= offset + byteLength) {
        return allocation;
      }
    }
    return undefined;
  }

  #requireOpen(operation: string): void {
    if (this.#closed) {
      throw new ClosedError(`cannot ${operation}: the allocator is closed`, { operation });
    }
  }
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}
