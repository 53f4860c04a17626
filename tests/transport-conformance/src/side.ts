import {
  createCompletionBatch,
  openTransport,
  type CompletionQueue,
  type ConnectionRequest,
  type Endpoint,
  type EndpointState,
  type Listener,
  type MemoryOptions,
  type MemoryRegion,
  type NetworkAddress,
  type ProtectionDomain,
  type RemoteMemory,
  type RemoteTarget,
  type Transport,
  type TransportCapabilities,
  type WorkCompletion,
  type WorkRequest,
  type WriteRequest,
} from '@rfaas/rdmalib';
import { patience } from './patience.ts';
import { waitOnce, type WaitMode } from './wait-once.ts';

/** Names an object of a side; sides may be in different processes, so objects are named by numbers. */
export type Handle = number;

/** A stretch of one of a side's regions. */
export interface Place {
  readonly region: Handle;
  readonly offset: number;
  readonly byteLength: number;
}

/** Depths of an endpoint of a side. */
export interface EndpointShape {
  readonly sendQueue: Handle;
  readonly receiveQueue: Handle;
  readonly sendDepth: number;
  readonly receiveDepth: number;
}

/** One end of a test: a transport with its objects, in this process or, behind the same methods, in another. */
export class Side {
  readonly #url: string;
  readonly #address: NetworkAddress;
  readonly #objects = new Map<Handle, unknown>();
  #transport: Transport | undefined;
  #domain: ProtectionDomain | undefined;
  #requests: AsyncIterator<ConnectionRequest> | undefined;
  #next = 1;

  constructor(url: string, address: NetworkAddress) {
    this.#url = url;
    this.#address = address;
  }

  open(): TransportCapabilities {
    this.#transport = openTransport(this.#url);
    this.#domain = this.#transport.openProtectionDomain();
    return this.#transport.capabilities;
  }

  /** Closes all; it may be opened again. */
  async close(): Promise<void> {
    this.#objects.clear();
    this.#requests = undefined;
    await this.#transport?.close();
  }

  async listen(): Promise<NetworkAddress> {
    const listener = await this.#opened().listen(this.#address);
    this.#keep(listener);
    this.#requests = listener.requests()[Symbol.asyncIterator]();
    return listener.address;
  }

  async closeListeners(): Promise<void> {
    for (const object of this.#objects.values()) {
      if (typeof object === 'object' && object !== null && 'requests' in object) {
        await (object as Listener).close();
      }
    }
  }

  async nextRequest(): Promise<{ request: Handle; privateData: Uint8Array; peer: NetworkAddress }> {
    const result = await this.#requests?.next();
    if (result === undefined || result.done === true) {
      throw new Error('the listener is closed');
    }
    const { privateData, peer } = result.value;
    return { request: this.#keep(result.value), privateData, peer };
  }

  createQueue(depth: number, solicitedOnly = false): Handle {
    return this.#keep(this.#opened().createCompletionQueue({ depth, solicitedOnly }));
  }

  /** An endpoint that connects, or with `request` one that accepts. */
  createEndpoint(shape: EndpointShape, request?: Handle): { endpoint: Handle; id: number } {
    const options = {
      sendCompletions: this.#queue(shape.sendQueue),
      receiveCompletions: this.#queue(shape.receiveQueue),
      sendQueueDepth: shape.sendDepth,
      receiveQueueDepth: shape.receiveDepth,
    };
    const endpoint =
      request === undefined
        ? this.#opened().createEndpoint(options)
        : this.#get<ConnectionRequest>(request).createEndpoint(options);
    return { endpoint: this.#keep(endpoint), id: endpoint.id };
  }

  async connect(endpoint: Handle, address: NetworkAddress, privateData?: Uint8Array): Promise<Uint8Array> {
    return (await this.#endpoint(endpoint).connect(address, { privateData, timeoutMs: 5000 * patience }))
      .privateData;
  }

  async accept(request: Handle, endpoint: Handle, privateData?: Uint8Array): Promise<void> {
    await this.#get<ConnectionRequest>(request).accept(this.#endpoint(endpoint), { privateData });
  }

  async reject(request: Handle, privateData?: Uint8Array): Promise<void> {
    await this.#get<ConnectionRequest>(request).reject(privateData);
  }

  state(endpoint: Handle): EndpointState {
    return this.#endpoint(endpoint).state;
  }

  /** How the connection ended, once it has. */
  async disconnected(endpoint: Handle): Promise<string> {
    return (await this.#endpoint(endpoint).disconnected).kind;
  }

  async disconnect(endpoint: Handle): Promise<void> {
    await this.#endpoint(endpoint).disconnect();
  }

  async closeEndpoint(endpoint: Handle): Promise<void> {
    await this.#endpoint(endpoint).close();
  }

  allocate(options: MemoryOptions): { region: Handle; remote: RemoteMemory } {
    const region = this.#opened().allocateMemory(options);
    return { region: this.#keep(region), remote: region.remote };
  }

  closeRegion(region: Handle): void {
    this.#region(region).close();
  }

  write(region: Handle, offset: number, bytes: Uint8Array): void {
    this.#region(region).bytes.set(bytes, offset);
  }

  read(region: Handle, offset: number, byteLength: number): Uint8Array {
    return this.#region(region).bytes.slice(offset, offset + byteLength);
  }

  async resolve(endpoint: Handle, remote: RemoteMemory, timeoutMs?: number): Promise<Handle> {
    return this.#keep(await this.#endpoint(endpoint).resolveRemote(remote, { timeoutMs }));
  }

  postReceive(endpoint: Handle, place: Place, wrId: number): void {
    this.#endpoint(endpoint).postReceive(this.#segment(place), wrId);
  }

  postEmptyReceives(endpoint: Handle, count: number): void {
    this.#endpoint(endpoint).postEmptyReceives(count);
  }

  postSend(endpoint: Handle, places: readonly Place[], request?: WriteRequest): void {
    this.#endpoint(endpoint).postSend(this.#segments(places), request);
  }

  postWrite(
    endpoint: Handle,
    places: readonly Place[],
    target: Handle,
    offset: number,
    request?: WriteRequest,
  ): void {
    this.#endpoint(endpoint).postWrite(this.#segments(places), this.#target(target), offset, request);
  }

  postRead(
    endpoint: Handle,
    places: readonly Place[],
    target: Handle,
    offset: number,
    request?: WorkRequest,
  ): void {
    this.#endpoint(endpoint).postRead(this.#segments(places), this.#target(target), offset, request);
  }

  postFetchAdd(endpoint: Handle, result: Place, target: Handle, offset: number, add: bigint, wrId = 0): void {
    this.#endpoint(endpoint).postFetchAdd(this.#segment(result), this.#target(target), offset, add, { wrId });
  }

  postCompareSwap(
    endpoint: Handle,
    result: Place,
    target: Handle,
    offset: number,
    swap: { compare: bigint; swap: bigint },
    wrId = 0,
  ): void {
    this.#endpoint(endpoint).postCompareSwap(this.#segment(result), this.#target(target), offset, swap, {
      wrId,
    });
  }

  /** Waits for so many completions; returns what came until then or until the time is up. */
  async take(
    queue: Handle,
    count: number,
    mode: WaitMode,
    timeoutMs = 5000 * patience,
  ): Promise<WorkCompletion[]> {
    const deadline = performance.now() + timeoutMs;
    const batch = createCompletionBatch(64);
    const taken: WorkCompletion[] = [];
    while (taken.length < count && performance.now() < deadline) {
      const left = Math.max(1, Math.ceil(deadline - performance.now()));
      await waitOnce(this.#queue(queue), batch, mode, left);
      for (let index = 0; index < batch.length; index += 1) {
        taken.push(batch.at(index));
      }
    }
    return taken;
  }

  /** What is there now, without waiting. */
  poll(queue: Handle, capacity = 64): WorkCompletion[] {
    const batch = createCompletionBatch(capacity);
    this.#queue(queue).poll(batch);
    return Array.from({ length: batch.length }, (_, index) => batch.at(index));
  }

  #opened(): ProtectionDomain {
    if (this.#domain === undefined) {
      throw new Error('the side was not opened');
    }
    return this.#domain;
  }

  #keep(object: unknown): Handle {
    this.#objects.set(this.#next, object);
    this.#next += 1;
    return this.#next - 1;
  }

  #get<Kind>(handle: Handle): Kind {
    if (!this.#objects.has(handle)) {
      throw new Error(`there is no object ${handle}`);
    }
    return this.#objects.get(handle) as Kind;
  }

  #endpoint(handle: Handle): Endpoint {
    return this.#get<Endpoint>(handle);
  }

  #queue(handle: Handle): CompletionQueue {
    return this.#get<CompletionQueue>(handle);
  }

  #region(handle: Handle): MemoryRegion {
    return this.#get<MemoryRegion>(handle);
  }

  #target(handle: Handle): RemoteTarget {
    return this.#get<RemoteTarget>(handle);
  }

  #segment(place: Place): { region: MemoryRegion; offset: number; byteLength: number } {
    return { region: this.#region(place.region), offset: place.offset, byteLength: place.byteLength };
  }

  #segments(places: readonly Place[]): { region: MemoryRegion; offset: number; byteLength: number }[] {
    return places.map((place) => this.#segment(place));
  }
}
