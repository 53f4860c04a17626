import {
  createCompletionBatch,
  encodeRemoteMemory,
  decodeRemoteMemory,
  type CompletionQueue,
  type Endpoint,
  type EndpointOptions,
  type LocalSegment,
  type MemoryRegion,
  type ProtectionDomain,
  type RemoteTarget,
  type WorkCompletionBatch,
} from '@rfaas/rdmalib';

/** Bytes of a message, as small as an invocation's input in the table that this is compared with. */
export const MESSAGE_BYTES = 64;
/** Receives kept posted: each immediate uses one up. */
const RECEIVES = 16;
/** One spin in native code; the loop around it looks at the disconnect. */
const SPIN_MICROSECONDS = 1000;

/** One side of the raw transport's ping-pong: 64 bytes and an immediate, one RDMA write each way. */
export class TransportChannel {
  readonly region: MemoryRegion;
  readonly sendCompletions: CompletionQueue;
  readonly receiveCompletions: CompletionQueue;
  readonly #segment: LocalSegment;
  readonly #batch: WorkCompletionBatch = createCompletionBatch(RECEIVES);
  #endpoint: Endpoint | undefined;
  #target: RemoteTarget | undefined;
  readonly #request = { immediate: 0, signaled: false, inline: true };

  constructor(domain: ProtectionDomain) {
    // The first half is what this side sends, the second what it receives.
    this.region = domain.allocateMemory({
      byteLength: 2 * MESSAGE_BYTES,
      access: ['local-write', 'remote-write'],
    });
    this.sendCompletions = domain.createCompletionQueue({ depth: RECEIVES });
    this.receiveCompletions = domain.createCompletionQueue({ depth: RECEIVES });
    this.#segment = { region: this.region, offset: 0, byteLength: MESSAGE_BYTES };
  }

  /** What its endpoint must be made with. */
  get endpointOptions(): EndpointOptions {
    const { sendCompletions, receiveCompletions } = this;
    return { sendCompletions, receiveCompletions, sendQueueDepth: RECEIVES, receiveQueueDepth: RECEIVES };
  }

  /** What the peer must know, as private data of the connection. */
  get invitation(): Uint8Array {
    return encodeRemoteMemory(this.region.remote);
  }

  /** Takes the endpoint that this channel is for. */
  use(endpoint: Endpoint): void {
    endpoint.postEmptyReceives(RECEIVES);
    this.#endpoint = endpoint;
  }

  /** Takes the peer's invitation; from here on it can send. */
  async meet(invitation: Uint8Array): Promise<void> {
    this.#target = await this.#endpoint?.resolveRemote(decodeRemoteMemory(invitation));
  }

  /** Writes 64 bytes into the peer's memory, with an immediate. */
  send(): void {
    if (this.#endpoint === undefined || this.#target === undefined)
      throw new Error('the channel has no peer yet');
    this.#endpoint.postWrite(this.#segment, this.#target, MESSAGE_BYTES, this.#request);
  }

  /** Spins until the peer's message is there; false once the peer is gone. */
  receive(): boolean {
    const endpoint = this.#endpoint;
    if (endpoint === undefined) throw new Error('the channel has no peer yet');
    while (this.receiveCompletions.spin(this.#batch, SPIN_MICROSECONDS) === 0) {
      if (endpoint.state !== 'established') return false;
    }
    if (this.#batch.status(0) !== 'success') return false;
    endpoint.postEmptyReceives(1);
    return true;
  }
}
