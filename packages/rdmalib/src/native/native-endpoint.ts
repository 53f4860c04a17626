import { InvalidArgumentError, UnsupportedOperationError } from '../errors.ts';
import type { ConnectionReply, ConnectOptions } from '../transport/connection.ts';
import type {
  CompareSwap,
  DisconnectReason,
  Endpoint,
  EndpointOptions,
  EndpointState,
  ResolveOptions,
  Segments,
  SendRequest,
  WorkRequest,
  WriteRequest,
} from '../transport/endpoint.ts';
import type { LocalSegment, RemoteMemory, RemoteTarget } from '../transport/memory-region.ts';
import type { NetworkAddress } from '../transport/network-address.ts';
import { openEndpoint } from './endpoint-opening.ts';
import { EndpointConnection } from './endpoint-connection.ts';
import { RemoteTargets, type NativeRemoteTarget, type ResolvingEndpoint } from './remote-targets.ts';
import { closedError } from './native-error.ts';
import type { NativeProtectionDomain } from './native-protection-domain.ts';
import type { Shim, ShimCalls } from './shim.ts';
import { endpointStates, opcode } from './shim-layout.ts';
import { asWord, regionHandle, requireByteCount, WorkBuffer } from './work-buffer.ts';

/** Cables that lose packets make TCP wait for seconds. */
const defaultResolveTimeoutMs = 10_000;

/** An endpoint over any native transport. */
export class NativeEndpoint implements Endpoint, ResolvingEndpoint {
  readonly id: number;
  readonly domain: NativeProtectionDomain;
  readonly #shim: Shim;
  readonly #call: ShimCalls;
  readonly #connection: EndpointConnection;
  readonly #targets: RemoteTargets;
  readonly #work: WorkBuffer;
  #handle: number;

  /** `request` is the native connection request that the endpoint answers, 0 for an endpoint that connects. */
  constructor(domain: NativeProtectionDomain, options: EndpointOptions, request = 0) {
    const opened = openEndpoint(domain, options, request);
    this.id = opened.id;
    this.domain = domain;
    this.#shim = domain.shim;
    this.#call = domain.shim.call;
    this.#handle = opened.handle;
    this.#connection = new EndpointConnection(domain, opened.id);
    this.#targets = new RemoteTargets(domain.shim, opened.id);
    this.#work = new WorkBuffer(domain, domain.transport.capabilities.maxScatterGatherEntries);
  }

  get state(): EndpointState {
    if (this.#handle === 0) {
      return this.#connection.finalState;
    }
    return (
      endpointStates[this.#shim.check(this.#call.shim_endpoint_state(this.#handle), 'shim_endpoint_state')] ??
      'failed'
    );
  }

  get disconnected(): Promise<DisconnectReason> {
    return this.#connection.disconnected;
  }

  get nativeHandle(): number {
    if (this.#handle === 0) {
      throw closedError('endpoint', 'use it');
    }
    return this.#handle;
  }

  async connect(address: NetworkAddress, options: ConnectOptions = {}): Promise<ConnectionReply> {
    return this.#connection.connect(this.nativeHandle, address, options);
  }

  /** The second half of accepting a request, for its listener. */
  accept(privateData: Uint8Array | undefined): void {
    this.#connection.accept(this.nativeHandle, privateData);
  }

  async disconnect(): Promise<void> {
    if (this.#handle !== 0) {
      this.#connection.disconnect(this.#handle);
    }
    return Promise.resolve();
  }

  async close(): Promise<void> {
    this.closeNow();
    return Promise.resolve();
  }

  /** What `close` does, for owners that close synchronously. */
  closeNow(): void {
    const handle = this.#handle;
    if (handle !== 0) {
      this.#connection.rememberState(this.state);
      this.#handle = 0;
      this.#shim.check(this.#call.shim_endpoint_close(handle), 'shim_endpoint_close');
      this.#targets.forgetViews();
      this.#connection.closed();
      this.domain.forget(this);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async resolveRemote(memory: RemoteMemory, options: ResolveOptions = {}): Promise<RemoteTarget> {
    return this.#targets.resolve(this, memory, options.timeoutMs ?? defaultResolveTimeoutMs);
  }

  /** See {@link ResolvingEndpoint}. */
  async answered(milliseconds: number): Promise<boolean> {
    return this.#connection.answered(milliseconds);
  }

  mapRemote(target: RemoteTarget): Uint8Array {
    this.#requireDirectMap('mapRemote');
    return this.#targets.map(this.nativeHandle, this.#own(target)).bytes;
  }

  mapRemoteAddress(target: RemoteTarget): number {
    this.#requireDirectMap('mapRemoteAddress');
    return this.#targets.map(this.nativeHandle, this.#own(target)).address;
  }

  postReceive(segment: LocalSegment, wrId: number): void {
    const region = regionHandle(segment, this.domain);
    requireByteCount(segment.offset, 'offset');
    requireByteCount(segment.byteLength, 'byteLength');
    this.#posted(
      this.#call.shim_post_receive(
        this.nativeHandle,
        region,
        segment.offset,
        segment.byteLength,
        asWord(wrId, 'wrId'),
        1,
      ),
      'shim_post_receive',
    );
  }

  postEmptyReceives(count: number): void {
    if (!Number.isInteger(count) || count < 0 || count > 0xffff_ffff) {
      throw new InvalidArgumentError(`cannot post ${count} receives`, { operation: 'shim_post_receive' });
    }
    if (count > 0) {
      this.#posted(this.#call.shim_post_receive(this.nativeHandle, 0, 0, 0, 0, count), 'shim_post_receive');
    }
  }

  postSend(segments: Segments, request?: SendRequest): void {
    this.#work.begin(opcode.send, request);
    this.#work.setSegments(segments);
    this.#post();
  }

  postWrite(segments: Segments, target: RemoteTarget, targetOffset: number, request?: WriteRequest): void {
    this.#work.begin(opcode.write, request);
    this.#work.setTarget(this.#own(target), targetOffset);
    if (request?.placed === undefined) {
      this.#work.setSegments(segments);
    } else {
      this.#requireDirectMap('a write of placed bytes');
    }
    this.#post();
  }

  postRead(segments: Segments, target: RemoteTarget, targetOffset: number, request?: WorkRequest): void {
    this.#work.begin(opcode.read, request);
    this.#work.setTarget(this.#own(target), targetOffset);
    this.#work.setSegments(segments);
    this.#post();
  }

  postFetchAdd(
    result: LocalSegment,
    target: RemoteTarget,
    targetOffset: number,
    add: bigint,
    request?: WorkRequest,
  ): void {
    this.#requireAtomics('postFetchAdd');
    this.#work.begin(opcode.fetchAdd, request);
    this.#work.setTarget(this.#own(target), targetOffset);
    this.#work.setOperands(add, 0n);
    this.#work.setSegments(result);
    this.#post();
  }

  postCompareSwap(
    result: LocalSegment,
    target: RemoteTarget,
    targetOffset: number,
    swap: CompareSwap,
    request?: WorkRequest,
  ): void {
    this.#requireAtomics('postCompareSwap');
    this.#work.begin(opcode.compareSwap, request);
    this.#work.setTarget(this.#own(target), targetOffset);
    this.#work.setOperands(swap.compare, swap.swap);
    this.#work.setSegments(result);
    this.#post();
  }

  #post(): void {
    this.#posted(this.#call.shim_post(this.nativeHandle, this.#work.words), 'shim_post');
  }

  #posted(result: number, operation: 'shim_post' | 'shim_post_receive'): void {
    if (result < 0) {
      this.#shim.check(result, operation);
    }
  }

  #own(target: RemoteTarget): NativeRemoteTarget {
    const own = target as NativeRemoteTarget;
    if (own.endpointId !== this.id) {
      throw new InvalidArgumentError(
        `cannot use a remote target on endpoint ${this.id}: endpoint ${own.endpointId} resolved it; call ` +
          'resolveRemote on the endpoint that uses it',
        { operation: 'resolveRemote' },
      );
    }
    return own;
  }

  #requireAtomics(operation: string): void {
    if (this.domain.transport.capabilities.atomics === 'none') {
      throw new UnsupportedOperationError(
        `${operation} needs remote atomics, which transport ${this.#shim.name} does not have (capabilities.atomics)`,
        { operation, transport: this.#shim.name },
      );
    }
  }

  #requireDirectMap(operation: string): void {
    if (!this.domain.transport.capabilities.directMap) {
      throw new UnsupportedOperationError(
        `${operation} needs a peer's memory mapped here, which transport ${this.#shim.name} cannot do ` +
          '(capabilities.directMap)',
        { operation, transport: this.#shim.name },
      );
    }
  }
}
