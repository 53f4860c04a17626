import { InvalidArgumentError } from '../errors.ts';

/** What may be done with a region; reading locally is always allowed. */
export type MemoryAccess = 'local-write' | 'remote-write' | 'remote-read' | 'remote-atomic';

/** What ProtectionDomain.allocateMemory shall allocate. */
export interface MemoryOptions {
  /** More than 0. */
  readonly byteLength: number;
  /** What its owner and peers may do with it, besides reading locally. */
  readonly access: readonly MemoryAccess[];
  /** `file`: the contents can be loaded as a shared library through MemoryRegion.path. Default `anonymous`. */
  readonly backing?: 'anonymous' | 'file' | undefined;
  /** An inaccessible page follows the last page, here and in every mapping of a peer. Default false. */
  readonly guardPage?: boolean | undefined;
}

/** Page-aligned native memory, registered for as long as the region is open. */
export interface MemoryRegion extends Disposable {
  /**
   * A view of the native memory: writes are visible to the device without copying. After `close` a view that was kept
   * reads zeros and what is written to it reaches nobody; it never crashes. Throws ClosedError after `close`.
   */
  readonly bytes: Uint8Array;
  /** As it was allocated. */
  readonly byteLength: number;
  /** Local virtual address of the first byte. Throws ClosedError after `close`. */
  readonly address: number;
  /** Native pointer (`struct shim_region *`), for native loops. Throws ClosedError after `close`. */
  readonly nativeHandle: number;
  /** What a peer needs to reach this region. Serialise with `encodeRemoteMemory`. */
  readonly remote: RemoteMemory;
  /** `/proc/self/fd/N` for `file` backing. */
  readonly path: string | undefined;
  /** Deregisters: peers lose it, kept views read zeros. Idempotent. */
  close(): void;
}

/** What a peer needs to reach a region. */
export interface RemoteMemory {
  /** The value the peer must put on the wire: a virtual address, or 0 where the provider counts from the region. */
  readonly address: bigint;
  /** The key that grants access, 64 bits. */
  readonly rkey: bigint;
  /** From the address on. */
  readonly byteLength: number;
}

/** A stretch of registered local memory; the field calls it a scatter-gather entry. */
export interface LocalSegment {
  /** Open, and of the endpoint's protection domain. */
  readonly region: MemoryRegion;
  /** Bytes from the region's start. */
  readonly offset: number;
  /** More than 0 and within the region. */
  readonly byteLength: number;
}

/** A remote region that one endpoint may target, resolved once so that posting needs no bigint. */
export interface RemoteTarget {
  /** What was resolved. */
  readonly memory: RemoteMemory;
  /** What native code calls this target: the result of `shim_endpoint_resolve`. */
  readonly index: number;
}

/** Bytes of an encoded RemoteMemory: address, rkey and length, 64 bits each, little-endian. */
export const remoteMemoryBytes = 24;

/** Writes what a peer needs into 24 bytes. */
export function encodeRemoteMemory(memory: RemoteMemory): Uint8Array {
  const bytes = new Uint8Array(remoteMemoryBytes);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, memory.address, true);
  view.setBigUint64(8, memory.rkey, true);
  view.setBigUint64(16, BigInt(memory.byteLength), true);
  return bytes;
}

/** Reads what `encodeRemoteMemory` wrote; throws InvalidArgumentError on too few bytes or an impossible length. */
export function decodeRemoteMemory(bytes: Uint8Array): RemoteMemory {
  if (bytes.byteLength < remoteMemoryBytes) {
    throw new InvalidArgumentError(
      `cannot decode remote memory from ${bytes.byteLength} bytes: it takes ${remoteMemoryBytes}`,
      { operation: 'decodeRemoteMemory' },
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, remoteMemoryBytes);
  const byteLength = view.getBigUint64(16, true);
  if (byteLength > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new InvalidArgumentError(
      `cannot decode remote memory: a length of ${byteLength} bytes cannot exist; the bytes are something else`,
      { operation: 'decodeRemoteMemory' },
    );
  }
  return {
    address: view.getBigUint64(0, true),
    rkey: view.getBigUint64(8, true),
    byteLength: Number(byteLength),
  };
}
