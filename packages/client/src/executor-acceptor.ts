import {
  decodeConnectionData,
  decodeMessage,
  encodeRejection,
  equalSecrets,
  expectMessage,
  invocationInputOffset,
  maxMessageBytes,
  RfaasError,
  type ConnectionData,
} from '@rfaas/core';
import {
  createCompletionBatch,
  MessageChannel,
  RdmaError,
  requireSuccess,
  type CompletionQueue,
  type ConnectionRequest,
  type Endpoint,
  type Listener,
  type ProtectionDomain,
  type RemoteMemory,
  type RemoteTarget,
} from '@rfaas/rdmalib';
import type { ThreadAnnouncement } from './slot-memory.ts';
import { describeError } from './time-limit.ts';

/** Requests and receives beyond one per slot: the announcement's receive, and the loop's one ahead. */
const SPARE_DEPTH = 8;

/** A worker thread that connected and said that it is ready. */
export interface AcceptedThread {
  readonly endpoint: Endpoint;
  readonly queue: CompletionQueue;
  readonly announcement: ThreadAnnouncement;
  /** Its slots as a target of the connection. */
  readonly slotMemory: RemoteTarget;
}

/** Who may connect. */
export interface AcceptorOptions {
  readonly domain: ProtectionDomain;
  readonly listener: Listener;
  /** Of the allocation: whoever does not show it is rejected. */
  readonly secret: string;
  readonly threads: number;
  readonly slots: number;
  /** An executor of which nothing is heard for this long is lost. Default: it may be silent for ever. */
  readonly peerTimeoutMs?: number;
}

/** Takes the connections of one allocation's executor, its control channel and its threads, and nobody else's. */
export class ExecutorAcceptor {
  /** Resolves when the executor's main thread is connected. */
  readonly control: Promise<MessageChannel>;
  /** Resolves when every thread is connected and ready, in the order of their indices. */
  readonly threads: Promise<AcceptedThread[]>;
  /** Rejects when the executor breaks the protocol, or a thread's connection ends, before all is ready; never resolves. */
  readonly failed: Promise<never>;
  readonly #options: AcceptorOptions;
  readonly #ready = new Map<number, AcceptedThread>();
  readonly #claimed = new Set<string>();
  #resolveControl!: (channel: MessageChannel) => void;
  #resolveThreads!: (threads: AcceptedThread[]) => void;
  #reject!: (error: unknown) => void;

  constructor(options: AcceptorOptions) {
    this.#options = options;
    this.control = new Promise((resolve) => {
      this.#resolveControl = resolve;
    });
    this.threads = new Promise((resolve) => {
      this.#resolveThreads = resolve;
    });
    this.failed = new Promise((_resolve, reject) => {
      this.#reject = reject;
    });
    // Whoever allocates races against it; after that it may reject unheard.
    this.failed.catch(() => undefined);
    void this.#run();
  }

  async #run(): Promise<void> {
    try {
      for await (const request of this.#options.listener.requests()) {
        this.#take(request).catch((error: unknown) => this.#reject(error));
      }
    } catch (error) {
      this.#reject(error);
    }
  }

  async #take(request: ConnectionRequest): Promise<void> {
    const decoded = decodeConnectionData(request.privateData);
    if (!decoded.ok) {
      await request.reject(encodeRejection(decoded.reason));
      return;
    }
    const { data } = decoded;
    if (!equalSecrets(data.secret, this.#options.secret)) {
      await request.reject(encodeRejection('unauthorised'));
      return;
    }
    await this.#takeExecutor(request, data);
  }

  async #takeExecutor(request: ConnectionRequest, { role, threadIndex }: ConnectionData): Promise<void> {
    const isThread = role === 'executor-thread-to-client' && threadIndex < this.#options.threads;
    if (role !== 'executor-to-client' && !isThread) {
      await request.reject(encodeRejection('role'));
      return;
    }
    const claim = isThread ? `thread ${threadIndex}` : 'control';
    if (this.#claimed.has(claim)) {
      await request.reject(encodeRejection('busy'));
      return;
    }
    this.#claimed.add(claim);
    const { peerTimeoutMs } = this.#options;
    if (isThread) await this.#acceptThread(request, threadIndex);
    else this.#resolveControl(await MessageChannel.accept(request, { peerTimeoutMs }));
  }

  async #acceptThread(request: ConnectionRequest, index: number): Promise<void> {
    const { domain, slots, threads } = this.#options;
    const depth = slots + SPARE_DEPTH;
    const queue = domain.createCompletionQueue({ depth: 4 * depth });
    const endpoint = request.createEndpoint({
      sendCompletions: queue,
      receiveCompletions: queue,
      sendQueueDepth: 2 * depth,
      receiveQueueDepth: depth,
    });
    using message = domain.allocateMemory({ byteLength: maxMessageBytes, access: ['local-write'] });
    endpoint.postReceive({ region: message, offset: 0, byteLength: maxMessageBytes }, 1);
    await request.accept(endpoint);
    const byteLength = await receiveOne(queue, endpoint);
    const { announcement, memory } = readAnnouncement(message.bytes.slice(0, byteLength), index);
    const slotMemory = await resolveSlots(endpoint, memory);
    this.#ready.set(index, { endpoint, queue, announcement, slotMemory });
    if (this.#ready.size === threads) {
      this.#resolveThreads([...this.#ready.entries()].sort(([a], [b]) => a - b).map(([, thread]) => thread));
    }
  }
}

async function resolveSlots(endpoint: Endpoint, memory: RemoteMemory): Promise<RemoteTarget> {
  try {
    return await endpoint.resolveRemote(memory);
  } catch (error) {
    if (!(error instanceof RdmaError) || error.code !== 'RDMA_ERR_CONNECTION_LOST') throw error;
    throw new RfaasError(
      'RFAAS_ERR_EXECUTOR_LOST',
      `an executor thread was lost as soon as it was ready: ${describeError(error)}`,
      { cause: error },
    );
  }
}

async function receiveOne(queue: CompletionQueue, endpoint: Endpoint): Promise<number> {
  const batch = createCompletionBatch(1);
  const gone = endpoint.disconnected.then(() => 'gone' as const);
  while (queue.poll(batch) === 0) {
    const event = await Promise.race([queue.readable(), gone]);
    if (event === 'gone' && queue.poll(batch) === 0) {
      throw new RfaasError('RFAAS_ERR_EXECUTOR_LOST', 'an executor thread disconnected before it was ready');
    }
    if (event === 'gone') break;
  }
  return requireSuccess(batch.at(0)).byteLength;
}

function readAnnouncement(
  bytes: Uint8Array,
  index: number,
): { readonly announcement: ThreadAnnouncement; readonly memory: RemoteMemory } {
  const ready = expectMessage(decodeMessage(bytes), 'thread-ready');
  if (ready.index !== index) {
    throw new RfaasError(
      'RFAAS_ERR_PROTOCOL',
      `executor thread ${index} announced itself as thread ${ready.index}`,
    );
  }
  const { slots, slotStride, inputBytes, outputBytes, address, rkey, length } = ready;
  if (slotStride < invocationInputOffset + inputBytes || length < slots * slotStride) {
    throw new RfaasError(
      'RFAAS_ERR_PROTOCOL',
      `executor thread ${index} announced ${slots} slots of ${inputBytes} bytes, ${slotStride} apart, ` +
        `in ${length} bytes of memory, where they do not fit`,
    );
  }
  return {
    announcement: { index, slots, slotStride, inputBytes, outputBytes },
    memory: { address, rkey, byteLength: length },
  };
}
