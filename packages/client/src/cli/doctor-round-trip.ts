import {
  createCompletionBatch,
  decodeRemoteMemory,
  encodeRemoteMemory,
  openTransport,
  parseTransportUrl,
  requireSuccess,
  type ConnectionRequest,
  type Endpoint,
  type EndpointOptions,
  type Listener,
  type ProtectionDomain,
  type RemoteTarget,
  type WorkCompletion,
} from '@rfaas/rdmalib';

const payloadBytes = 64;
const rounds = 100;
/** How long one completion may take: many times what a loaded, emulated machine needs. */
const completionTimeoutMs = 5000;

/** What a round trip took, with both of its ends in one thread. */
export interface RoundTrip {
  readonly payloadBytes: number;
  readonly rounds: number;
  readonly medianMicroseconds: number;
}

/**
 * Connects a transport to itself and writes bytes with an immediate there and back, checking both. Throws RdmaError where
 * the transport does not work, and Error where bytes or immediates are wrong.
 */
export async function loopbackRoundTrip(url: string): Promise<RoundTrip> {
  const transport = openTransport(url);
  try {
    const domain = transport.openProtectionDomain();
    const [near, far] = await connectEnds(domain, parseTransportUrl(url).host);
    const microseconds = new Float64Array(rounds);
    for (let round = 0; round < rounds; round += 1) {
      const begin = process.hrtime.bigint();
      near.write(round);
      far.take(round);
      far.write(round + rounds);
      near.take(round + rounds);
      microseconds[round] = Number(process.hrtime.bigint() - begin) / 1000;
    }
    return { payloadBytes, rounds, medianMicroseconds: microseconds.sort()[rounds / 2] ?? 0 };
  } finally {
    await transport.close();
  }
}

async function connectEnds(domain: ProtectionDomain, host: string): Promise<[End, End]> {
  const listener = await domain.listen({ host, port: 0 });
  const near = new End(domain, (options) => domain.createEndpoint(options));
  const connecting = near.endpoint.connect(listener.address, { privateData: near.introduction });
  const failed = connecting.then(() => new Promise<never>(() => undefined));
  const request = await Promise.race([firstRequest(listener), failed]);
  const far = new End(domain, (options) => request.createEndpoint(options));
  await request.accept(far.endpoint, { privateData: far.introduction });
  await far.aim(request.privateData);
  await near.aim((await connecting).privateData);
  await listener.close();
  return [near, far];
}

async function firstRequest(listener: Listener): Promise<ConnectionRequest> {
  for await (const request of listener.requests()) {
    return request;
  }
  throw new Error('the listener closed before the connection to it arrived');
}

/** One side: memory whose first half is written from and whose second half the other side writes to. */
class End {
  readonly endpoint: Endpoint;
  readonly #region;
  readonly #queue;
  readonly #batch = createCompletionBatch(1);
  #target: RemoteTarget | undefined;

  constructor(domain: ProtectionDomain, createEndpoint: (options: EndpointOptions) => Endpoint) {
    this.#region = domain.allocateMemory({
      byteLength: 2 * payloadBytes,
      access: ['local-write', 'remote-write'],
    });
    this.#queue = domain.createCompletionQueue({ depth: 16 });
    this.endpoint = createEndpoint({
      sendCompletions: this.#queue,
      receiveCompletions: this.#queue,
      sendQueueDepth: 4,
      receiveQueueDepth: 4,
    });
    this.endpoint.postEmptyReceives(2);
  }

  /** What the other side must know to write here. */
  get introduction(): Uint8Array {
    return encodeRemoteMemory(this.#region.remote);
  }

  async aim(introduction: Uint8Array): Promise<void> {
    this.#target = await this.endpoint.resolveRemote(decodeRemoteMemory(introduction));
  }

  write(value: number): void {
    if (this.#target === undefined) {
      throw new Error('a write before the other side introduced itself');
    }
    this.#region.bytes.fill(value & 0xff, 0, payloadBytes);
    const source = { region: this.#region, offset: 0, byteLength: payloadBytes };
    this.endpoint.postWrite(source, this.#target, payloadBytes, { immediate: value });
    requireSuccess(this.#next());
  }

  take(value: number): void {
    const { immediate } = requireSuccess(this.#next());
    const bytes = this.#region.bytes.subarray(payloadBytes);
    if (immediate !== value || bytes.some((byte) => byte !== (value & 0xff))) {
      throw new Error(`a write with immediate ${value} arrived with immediate ${immediate} and other bytes`);
    }
    this.endpoint.postEmptyReceives(1);
  }

  #next(): WorkCompletion {
    const end = performance.now() + completionTimeoutMs;
    while (this.#queue.spin(this.#batch, 1000) === 0) {
      if (performance.now() > end) {
        throw new Error(`no completion in ${completionTimeoutMs} ms: bytes do not come through`);
      }
    }
    return this.#batch.at(0);
  }
}
