import type { CompletionQueue } from './completion-queue.ts';
import type { ConnectionReply, ConnectOptions } from './connection.ts';
import type { LocalSegment, RemoteMemory, RemoteTarget } from './memory-region.ts';
import type { NetworkAddress } from './network-address.ts';

/** Where an endpoint is in its life; it never goes back. */
export type EndpointState = 'new' | 'connecting' | 'established' | 'disconnected' | 'failed';

/** How an endpoint is made. */
export interface EndpointOptions {
  /** Where sends, writes, reads and atomics are reported. */
  readonly sendCompletions: CompletionQueue;
  /** May be shared by many endpoints; every completion names its endpoint. */
  readonly receiveCompletions: CompletionQueue;
  /** Requests outstanding: posted and their completion not yet taken. At most capabilities.maxQueueDepth. */
  readonly sendQueueDepth: number;
  /** Receives posted at once. At most capabilities.maxQueueDepth. */
  readonly receiveQueueDepth: number;
  /** How much a request with `inline` can carry inline. Default 256, or what the device takes if that is less. */
  readonly inlineBytes?: number | undefined;
}

/** One reliable channel to one peer: an RC queue pair, an FI_EP_MSG endpoint, or an FI_EP_RDM address. */
export interface Endpoint extends AsyncDisposable {
  /** Unique in this process; equals WorkCompletionBatch.endpointId. */
  readonly id: number;
  /** Where it is in its life now. */
  readonly state: EndpointState;
  /** Settles once, when either side goes away. Never rejects. */
  readonly disconnected: Promise<DisconnectReason>;
  /** Native pointer (`struct shim_endpoint *`), for native loops. Throws ClosedError after `close`. */
  readonly nativeHandle: number;

  /**
   * Post receives first: the peer may send the moment this resolves on its side. Rejects with ConnectionRefusedError
   * when the peer says no, with RdmaError when there is no peer or no answer in time.
   */
  connect(address: NetworkAddress, options?: ConnectOptions): Promise<ConnectionReply>;
  /** Ends the connection in an orderly way; requests that did not run complete as `flushed`. Idempotent. */
  disconnect(): Promise<void>;
  /** Disconnects and frees. Completions that are still queued keep the endpoint's id. Idempotent. */
  close(): Promise<void>;

  /**
   * Prepares a peer's region as a target; the same memory gives the same index. May ask the peer, whose transport
   * answers whatever its threads do. Rejects with RdmaError when the peer does not know the key, does not answer in
   * `timeoutMs` or goes away.
   */
  resolveRemote(memory: RemoteMemory, options?: ResolveOptions): Promise<RemoteTarget>;
  /**
   * The peer's region itself, where capabilities.directMap; else throws UnsupportedOperationError. Once the endpoint is
   * closed a kept view reads zeros.
   */
  mapRemote(target: RemoteTarget): Uint8Array;
  /** The local virtual address of `mapRemote`'s bytes, valid until the endpoint is closed. */
  mapRemoteAddress(target: RemoteTarget): number;

  /** For one incoming send. */
  postReceive(segment: LocalSegment, wrId: number): void;
  /** For `count` incoming immediates; an immediate uses up one posted receive on every transport. */
  postEmptyReceives(count: number): void;
  /** Sends the segments as one message into a receive that the peer posted. Throws QueueFullError, as every post. */
  postSend(segments: Segments, request?: SendRequest): void;
  /** Writes the segments one behind the other into the target's memory, `targetOffset` bytes from its start. */
  postWrite(segments: Segments, target: RemoteTarget, targetOffset: number, request?: WriteRequest): void;
  /** Reads from the target's memory, `targetOffset` bytes from its start, until the segments are full. */
  postRead(segments: Segments, target: RemoteTarget, targetOffset: number, request?: WorkRequest): void;
  /** The prior 8-byte value lands in `result`. */
  postFetchAdd(
    result: LocalSegment,
    target: RemoteTarget,
    targetOffset: number,
    add: bigint,
    request?: WorkRequest,
  ): void;
  /** The prior 8-byte value lands in `result`; the swap happened if it equals `swap.compare`. */
  postCompareSwap(
    result: LocalSegment,
    target: RemoteTarget,
    targetOffset: number,
    swap: CompareSwap,
    request?: WorkRequest,
  ): void;
}

/** One stretch of memory or several that travel as one payload (at most capabilities.maxScatterGatherEntries). */
export type Segments = LocalSegment | readonly LocalSegment[];

/** Options of Endpoint.resolveRemote. */
export interface ResolveOptions {
  /** How long the peer may take to answer. Default 10000. */
  readonly timeoutMs?: number | undefined;
}

/** What every posted request can say. */
export interface WorkRequest {
  /** 32 bits, returned in the completion. Default 0. */
  readonly wrId?: number | undefined;
  /** False: no completion unless it fails. Default true. */
  readonly signaled?: boolean | undefined;
}

/** What a send can say. */
export interface SendRequest extends WorkRequest {
  /** 32 bits in host order; rdmalib does the byte swapping that verbs needs. */
  readonly immediate?: number | undefined;
  /** Copy the payload into the work request. Ignored above maxInlineBytes. */
  readonly inline?: boolean | undefined;
  /** Ask the receiver's wait to wake for this one. A hint: libfabric has no such flag. */
  readonly solicited?: boolean | undefined;
}

/** What a write can say. With `immediate` set it is RDMA write with immediate data / fi_writedata. */
export interface WriteRequest extends SendRequest {
  /**
   * Where capabilities.directMap: this many bytes are in the target's memory already, through `mapRemote`. Segments
   * are ignored; only the immediate and the byte length travel.
   */
  readonly placed?: number | undefined;
}

/** An atomic exchange of 8 bytes: store `swap` if the value is `compare`. */
export interface CompareSwap {
  /** What the value must be, 64 bits. */
  readonly compare: bigint;
  /** What it becomes, 64 bits. */
  readonly swap: bigint;
}

/** Why an endpoint is no longer connected. */
export type DisconnectReason =
  | {
      /** This side ended it. */
      readonly kind: 'closed-locally';
    }
  | {
      /** The peer ended it in an orderly way. */
      readonly kind: 'closed-by-peer';
    }
  | {
      /** The peer or the way to it is gone, or the peer broke the protocol. */
      readonly kind: 'failed';
      /** Says which. */
      readonly error: Error;
    };
