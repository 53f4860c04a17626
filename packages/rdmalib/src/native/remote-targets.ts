import { constants } from 'node:os';
import { RdmaError } from '../errors.ts';
import type { RemoteMemory, RemoteTarget } from '../transport/memory-region.ts';
import { MappedMemory } from './mapped-memory.ts';
import type { Shim } from './shim.ts';

/** The peer was asked and has not answered yet. */
const inProgress = -constants.errno.EINPROGRESS;

/** What resolving needs to know of the endpoint. */
export interface ResolvingEndpoint {
  /** Throws ClosedError once the endpoint is closed. */
  readonly nativeHandle: number;
  /** Resolves to false after so many milliseconds, to true when the peer answered or the connection ended before. */
  answered(milliseconds: number): Promise<boolean>;
}

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
  /** Settles when the resolution before is done: an endpoint asks its peer one question at a time. */
  #asking: Promise<unknown> = Promise.resolve();

  constructor(shim: Shim, endpointId: number) {
    this.#shim = shim;
    this.#endpointId = endpointId;
  }

  async resolve(
    endpoint: ResolvingEndpoint,
    memory: RemoteMemory,
    timeoutMs: number,
  ): Promise<NativeRemoteTarget> {
    const resolving = this.#asking.then(async () => this.#resolve(endpoint, memory, timeoutMs));
    this.#asking = resolving.catch(() => undefined);
    return resolving;
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

  async #resolve(
    endpoint: ResolvingEndpoint,
    memory: RemoteMemory,
    timeoutMs: number,
  ): Promise<NativeRemoteTarget> {
    const words = new BigUint64Array([memory.address, memory.rkey, BigInt(memory.byteLength)]);
    const { shim_endpoint_resolve: resolve } = this.#shim.call;
    const end = performance.now() + timeoutMs;
    for (;;) {
      const result = resolve(endpoint.nativeHandle, words, 0);
      if (result !== inProgress) {
        const index = this.#shim.check(result, 'shim_endpoint_resolve');
        return { memory, index, endpointId: this.#endpointId };
      }
      if (!(await endpoint.answered(end - performance.now()))) throw this.#unanswered(timeoutMs);
    }
  }

  #unanswered(timeoutMs: number): RdmaError {
    return new RdmaError(
      'RDMA_ERR_TIMEOUT',
      `resolving remote memory: the peer of endpoint ${this.#endpointId} did not answer in ${timeoutMs} ms; is its ` +
        'process stopped, or the network between down?',
      { operation: 'shim_endpoint_resolve', transport: this.#shim.name, errno: 'ETIMEDOUT' },
    );
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
