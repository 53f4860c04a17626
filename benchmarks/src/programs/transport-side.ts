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
} from '@rfaas/rdmalib';

const RECEIVES = 16;
const SPIN_MICROSECONDS = 1000;

/** One of two processes that write to each other in turn, with an immediate, through rdmalib. */
export class TransportSide {
  readonly endpointOptions: EndpointOptions;
  /** What the peer must know to write here: private data of the connection. */
  readonly invitation: Uint8Array;
  readonly #queue: CompletionQueue;
  readonly #segment: LocalSegment;
  readonly #batch = createCompletionBatch(1);
  readonly #request = { immediate: 0, signaled: false, inline: true };
  #endpoint: Endpoint | undefined;
  #target: RemoteTarget | undefined;

  constructor(domain: ProtectionDomain, byteLength: number) {
    const region = domain.allocateMemory({ byteLength, access: ['local-write', 'remote-write'] });
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
  meet(invitation: Uint8Array): void {
    this.#target = this.#endpoint?.resolveRemote(decodeRemoteMemory(invitation));
  }

  /** Writes once, with an immediate. */
  write(): void {
    this.#endpoint?.postWrite(this.#segment, this.#target as RemoteTarget, 0, this.#request);
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
