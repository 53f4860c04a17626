import {
  createCompletionBatch,
  decodeRemoteMemory,
  encodeRemoteMemory,
  type CompletionQueue,
  type Endpoint,
  type EndpointOptions,
  type LocalSegment,
  type ProtectionDomain,
  type RemoteTarget,
  type WriteRequest,
} from '@rfaas/rdmalib';

const RECEIVES = 16;
const SPIN_MICROSECONDS = 1000;
const OF_STREAM: WriteRequest = { signaled: true };
const LAST_OF_STREAM: WriteRequest = { immediate: 0, signaled: true };

/** Bytes of a write from here, and from the peer. */
export interface TransportSideOptions {
  readonly byteLength: number;
  readonly peerBytes: number;
}

/** Up to this a copy into the request is cheaper than a look at the memory. */
const INLINE_BYTES = 64;

/** One of two processes that write to each other in turn, with an immediate, through rdmalib. */
export class TransportSide {
  readonly endpointOptions: EndpointOptions;
  /** What the peer must know to write here: private data of the connection. */
  readonly invitation: Uint8Array;
  readonly #queue: CompletionQueue;
  readonly #segment: LocalSegment;
  readonly #batch = createCompletionBatch(1);
  readonly #batches = createCompletionBatch(RECEIVES);
  readonly #request: WriteRequest;
  #endpoint: Endpoint | undefined;
  #target: RemoteTarget | undefined;
  #underWay = 0;
  #isAnswered = false;

  constructor(domain: ProtectionDomain, { byteLength, peerBytes }: TransportSideOptions) {
    const region = domain.allocateMemory({
      byteLength: Math.max(byteLength, peerBytes),
      access: ['local-write', 'remote-write'],
    });
    this.#request = { immediate: 0, signaled: false, inline: byteLength <= INLINE_BYTES };
    this.#queue = domain.createCompletionQueue({ depth: 2 * RECEIVES });
    this.#segment = { region, offset: 0, byteLength };
    this.invitation = encodeRemoteMemory(region.remote);
    this.endpointOptions = {
      sendCompletions: this.#queue,
      receiveCompletions: this.#queue,
      sendQueueDepth: RECEIVES,
      receiveQueueDepth: RECEIVES,
    };
  }

  /** Takes the endpoint, before it is connected or accepted. */
  use(endpoint: Endpoint): void {
    endpoint.postEmptyReceives(RECEIVES / 2);
    this.#endpoint = endpoint;
  }

  /** Takes the peer's invitation, once connected. */
  async meet(invitation: Uint8Array): Promise<void> {
    this.#target = await this.#endpoint?.resolveRemote(decodeRemoteMemory(invitation));
  }

  /** Writes once, with an immediate. */
  write(): void {
    this.#endpoint?.postWrite(this.#segment, this.#target as RemoteTarget, 0, this.#request);
  }

  /** Writes so often, with `depth` writes under way, and waits for the peer's answer to the last; false once it is gone. */
  stream(count: number, depth: number): boolean {
    this.#underWay = 0;
    this.#isAnswered = false;
    for (let i = 1; i <= count; i += 1) {
      while (this.#underWay >= depth) if (!this.#take()) return false;
      const request = i === count ? LAST_OF_STREAM : OF_STREAM;
      this.#endpoint?.postWrite(this.#segment, this.#target as RemoteTarget, 0, request);
      this.#underWay += 1;
    }
    while (this.#underWay > 0 || !this.#isAnswered) if (!this.#take()) return false;
    this.repost();
    return true;
  }

  /** Takes what the stream's queue has; false once the peer is gone. */
  #take(): boolean {
    const taken = this.#queue.spin(this.#batches, SPIN_MICROSECONDS);
    for (let each = 0; each < taken; each += 1) {
      if (this.#batches.status(each) !== 'success') return false;
      if (this.#batches.opcode(each) === 'write') this.#underWay -= 1;
      else this.#isAnswered = true;
    }
    return taken > 0 || this.#endpoint?.state === 'established';
  }

  /** Spins until the peer's write is there; false once the peer is gone. */
  awaitWrite(): boolean {
    while (this.#queue.spin(this.#batch, SPIN_MICROSECONDS) === 0) {
      if (this.#endpoint?.state !== 'established') return false;
    }
    return this.#batch.status(0) === 'success';
  }

  /** Replaces the receive that the peer's write used up. */
  repost(): void {
    this.#endpoint?.postEmptyReceives(1);
  }
}
