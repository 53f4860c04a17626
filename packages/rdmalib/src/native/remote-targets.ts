import type { RemoteMemory, RemoteTarget } from '../transport/memory-region.ts';
import { MappedMemory } from './mapped-memory.ts';
import type { Shim } from './shim.ts';

/** A remote target that knows its endpoint. */
export interface NativeRemoteTarget extends RemoteTarget {
  readonly endpointId: number;
}

/** A peer's memory in this address space. */
export interface MappedTarget {
  readonly address: number;
  readonly bytes: Uint8Array;
}

/** The remote memory that one endpoint knows. */
export class RemoteTargets {
  readonly #shim: Shim;
  readonly #endpointId: number;
  // A region is mapped once, whatever number of targets begin in it: one mapping for each key.
  readonly #mappings = new Map<bigint, MappedMemory>();
  readonly #mapped = new Map<number, MappedTarget>();

  constructor(shim: Shim, endpointId: number) {
    this.#shim = shim;
    this.#endpointId = endpointId;
  }

  resolve(handle: number, memory: RemoteMemory, timeoutMs: number): NativeRemoteTarget {
    const words = new BigUint64Array([memory.address, memory.rkey, BigInt(memory.byteLength)]);
    const { shim_endpoint_resolve: resolve } = this.#shim.call;
    const index = this.#shim.check(resolve(handle, words, Math.max(0, timeoutMs)), 'shim_endpoint_resolve');
    return { memory, index, endpointId: this.#endpointId };
  }

  map(handle: number, target: NativeRemoteTarget): MappedTarget {
    const known = this.#mapped.get(target.index);
    if (known !== undefined && known.bytes.byteLength >= target.memory.byteLength) {
      return { address: known.address, bytes: known.bytes.subarray(0, target.memory.byteLength) };
    }
    const mapped = this.#mapNative(handle, target);
    this.#mapped.set(target.index, mapped);
    return mapped;
  }

  /** The endpoint is closed: what callers kept reads zeros and is released when they let go. */
  forgetViews(): void {
    this.#mapped.clear();
    this.#mappings.clear();
  }

  #mapNative(handle: number, target: NativeRemoteTarget): MappedTarget {
    const { rkey, byteLength } = target.memory;
    const words = new BigUint64Array(2);
    const { shim_endpoint_map: map, shim_unmap: unmap } = this.#shim.call;
    this.#shim.check(
      map(handle, target.index, words.subarray(0, 1), words.subarray(1, 2)),
      'shim_endpoint_map',
    );
    const address = Number(words[0]);
    const mappedLength = Number(words[1]);
    const mapping = this.#mappings.get(rkey) ?? new MappedMemory(unmap);
    this.#mappings.set(rkey, mapping);
    if (mappedLength > 0) {
      // A target that begins inside the region has no length of its own: the region's start owns the mapping.
      mapping.release(address, mappedLength);
    }
    return { address, bytes: mapping.view(address, byteLength) };
  }
}
