import type { RemoteMemory, RemoteTarget } from '../transport/memory-region.ts';
import { viewMappedMemory } from './mapped-memory.ts';
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
  // One view per native target: the view's collection releases the address space, and it lives as long as the endpoint.
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
    return known ?? this.#mapNative(handle, target.index, target.memory.byteLength);
  }

  /** The endpoint is closed: what callers kept reads zeros and is released when they let go. */
  forgetViews(): void {
    this.#mapped.clear();
  }

  #mapNative(handle: number, index: number, byteLength: number): MappedTarget {
    const words = new BigUint64Array(2);
    const { shim_endpoint_map: map, shim_unmap: unmap } = this.#shim.call;
    this.#shim.check(map(handle, index, words.subarray(0, 1), words.subarray(1, 2)), 'shim_endpoint_map');
    const address = Number(words[0]);
    const mapped = { address, bytes: viewMappedMemory(unmap, address, byteLength, Number(words[1])) };
    this.#mapped.set(index, mapped);
    return mapped;
  }
}
