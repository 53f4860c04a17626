import { ClosedError, InvalidArgumentError, RdmaError } from '../errors.ts';
import { closedError } from '../native/native-error.ts';
import type { ConnectionRequest } from '../transport/connection.ts';
import type { DisconnectReason, Endpoint } from '../transport/endpoint.ts';
import type { NetworkAddress } from '../transport/network-address.ts';
import type { ProtectionDomain } from '../transport/protection-domain.ts';
import type { WorkCompletion } from '../transport/work-completion.ts';
import { ChannelLink, firstUserWrId, windowMessages } from './channel-link.ts';
import { decodeHello, encodeHello, malformed, readFrame } from './message-frame.ts';
import { MessageInbox } from './message-inbox.ts';
import { MessageOutbox } from './message-outbox.ts';
import { UserRequests } from './user-requests.ts';

/** Options of MessageChannel.accept. */
export interface AcceptChannelOptions {
  /** Said with the connection; at most capabilities.maxPrivateDataBytes. */
  readonly privateData?: Uint8Array | undefined;
  /** Longest message that this side takes. Default 4096. */
  readonly maxMessageBytes?: number | undefined;
}

/** Options of MessageChannel.connect. */
export interface ConnectChannelOptions extends AcceptChannelOptions {
  /** Gives up: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** How long the peer may take to answer. Default 10000. */
  readonly timeoutMs?: number | undefined;
}

/** Options of MessageChannel.receive. */
export interface ReceiveMessageOptions {
  /** Gives up: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

const defaultMaxMessageBytes = 4096;

/**
 * Ordered datagrams over one endpoint, for what is not on a hot path. Waits in the event loop, which it keeps alive
 * while it is open. Each side says how many messages it has room for, so that a slow receiver makes the other's `send`
 * wait and never fails it. Both ends must be message channels.
 */
export class MessageChannel implements AsyncDisposable {
  /** What the peer said when the connection was made; may be zero padded. */
  readonly peerPrivateData: Uint8Array;
  /** Settles once, when either side goes away or the peer broke the protocol. Never rejects. */
  readonly disconnected: Promise<DisconnectReason>;
  readonly #link: ChannelLink;
  readonly #maxMessageBytes: number;
  readonly #inbox: MessageInbox;
  readonly #outbox: MessageOutbox;
  readonly #requests = new UserRequests();
  #settle: (reason: DisconnectReason) => void = () => undefined;
  #greeted = false;
  /** Messages that the peer may still send. */
  #allowance = windowMessages;
  #end: DisconnectReason | undefined;

  private constructor(link: ChannelLink, maxMessageBytes: number, peerPrivateData: Uint8Array) {
    this.peerPrivateData = peerPrivateData;
    this.#link = link;
    this.#maxMessageBytes = maxMessageBytes;
    this.#inbox = new MessageInbox(() => this.#taken());
    this.#outbox = new MessageOutbox(link, (credits) => {
      this.#allowance += credits;
    });
    this.disconnected = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /** Connects to a listener whose side calls `accept`. Rejects like Endpoint.connect. */
  static async connect(
    domain: ProtectionDomain,
    address: NetworkAddress,
    options: ConnectChannelOptions = {},
  ): Promise<MessageChannel> {
    const maxMessageBytes = requireMessageBytes(domain, options.maxMessageBytes);
    const { privateData, signal, timeoutMs } = options;
    signal?.throwIfAborted();
    const link = new ChannelLink(domain, maxMessageBytes, (endpoint) => domain.createEndpoint(endpoint));
    try {
      const reply = await link.endpoint.connect(address, { privateData, signal, timeoutMs });
      return new MessageChannel(link, maxMessageBytes, reply.privateData).#start();
    } catch (error) {
      await link.close();
      throw error;
    }
  }

  /** Accepts a connection request. Rejects with RdmaError; the request is then refused. */
  static async accept(
    request: ConnectionRequest,
    options: AcceptChannelOptions = {},
  ): Promise<MessageChannel> {
    const { domain } = request;
    const maxMessageBytes = requireMessageBytes(domain, options.maxMessageBytes);
    let taken = false;
    let link: ChannelLink;
    try {
      link = new ChannelLink(domain, maxMessageBytes, (endpoint) => {
        const created = request.createEndpoint(endpoint);
        taken = true;
        return created;
      });
    } catch (error) {
      if (!taken) {
        await request.reject();
      }
      throw error;
    }
    try {
      await request.accept(link.endpoint, { privateData: options.privateData });
      return new MessageChannel(link, maxMessageBytes, request.privateData).#start();
    } catch (error) {
      await link.close();
      throw error;
    }
  }

  /** For what a channel does not do itself, with `perform`. Closed when the channel ends. */
  get endpoint(): Endpoint {
    return this.#link.endpoint;
  }

  /**
   * Resolves once the message, which is copied at once, is with the peer. Until the peer has room, it waits. Rejects
   * with InvalidArgumentError when the peer takes no messages of that length, with RdmaError when the channel ends.
   */
  async send(message: Uint8Array): Promise<void> {
    if (this.#end !== undefined) {
      throw endError(this.#end, 'send a message');
    }
    await this.#outbox.send(message);
  }

  /** The next message; undefined once the channel has ended and all that arrived was received. */
  async receive(options: ReceiveMessageOptions = {}): Promise<Uint8Array | undefined> {
    return this.#inbox.take(options.signal);
  }

  /** Every message until the channel ends. */
  async *messages(): AsyncGenerator<Uint8Array, void, undefined> {
    for (let message = await this.receive(); message !== undefined; message = await this.receive()) {
      yield message;
    }
  }

  /**
   * Posts one signaled request of the caller's own (a read, a write, an atomic) on the channel's endpoint, with the
   * given wrId, and resolves with its completion, whatever its status. Rejects with what `post` throws, and with
   * RdmaError when the channel ends first.
   */
  async perform(post: (endpoint: Endpoint, wrId: number) => void): Promise<WorkCompletion> {
    if (this.#end !== undefined) {
      throw endError(this.#end, 'post a request');
    }
    return this.#requests.perform((wrId) => post(this.#link.endpoint, wrId));
  }

  /** Disconnects and frees. What arrived can still be received; sends that wait reject. Idempotent. */
  async close(): Promise<void> {
    await this.#finish({ kind: 'closed-locally' });
  }

  /** The same as `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #start(): this {
    this.#link.send('hello', windowMessages, encodeHello(this.#maxMessageBytes));
    void this.#link.endpoint.disconnected.then(async (reason) => this.#lost(reason));
    void this.#run();
    return this;
  }

  async #run(): Promise<void> {
    while (this.#end === undefined) {
      try {
        this.#drain();
        await this.#link.readable();
      } catch (error) {
        if (error instanceof ClosedError) {
          // The end of the channel or of the domain closes the queue under our wait; `disconnected` tells which.
          return;
        }
        await this.#finish({
          kind: 'failed',
          error: error instanceof Error ? error : new Error(String(error)),
        });
      }
    }
  }

  /** The endpoint is gone; what arrived before is still in the queue. */
  async #lost(reason: DisconnectReason): Promise<void> {
    let end = reason;
    try {
      if (this.#end === undefined) {
        this.#drain();
      }
    } catch (error) {
      // With the protection domain closed the queue is gone, and what arrived with it.
      if (!(error instanceof ClosedError)) {
        end = { kind: 'failed', error: error instanceof Error ? error : new Error(String(error)) };
      }
    }
    await this.#finish(end);
  }

  #drain(): void {
    this.#link.take((completion, frame) => this.#completed(completion, frame));
    this.#outbox.flush();
  }

  #completed(completion: WorkCompletion, frame: Uint8Array | undefined): void {
    if (frame !== undefined) {
      this.#received(frame);
    } else if (completion.status === 'flushed') {
      // The disconnection that flushed it is reported by the endpoint.
    } else if (completion.opcode === 'receive') {
      throw malformed(`a message longer than this side takes (${completion.status})`);
    }
    if (completion.wrId >= firstUserWrId) {
      this.#requests.completed(completion);
    } else if (completion.opcode === 'send') {
      this.#outbox.completed(completion);
    }
  }

  #received(bytes: Uint8Array): void {
    const frame = readFrame(bytes);
    if (this.#greeted === (frame.kind === 'hello')) {
      throw malformed(this.#greeted ? 'a second hello' : `a ${frame.kind} frame before the hello`);
    }
    if (frame.kind === 'hello') {
      this.#greeted = true;
      this.#outbox.greeted(decodeHello(frame.payload));
    }
    this.#outbox.credit(frame.credits);
    if (frame.kind === 'data') {
      if (this.#allowance === 0) {
        throw malformed('more messages than it was given room for');
      }
      this.#allowance -= 1;
      this.#inbox.add(frame.payload.slice());
    }
  }

  #taken(): void {
    this.#outbox.owe();
    if (this.#end === undefined) {
      this.#outbox.flush();
    }
  }

  async #finish(reason: DisconnectReason): Promise<void> {
    if (this.#end !== undefined) {
      return;
    }
    this.#end = reason;
    const error = endError(reason, 'go on');
    this.#outbox.end(error);
    this.#requests.end(error);
    this.#inbox.end();
    this.#settle(reason);
    await this.#link.close();
  }
}

function endError(reason: DisconnectReason, what: string): RdmaError {
  if (reason.kind === 'closed-locally') {
    return closedError('message channel', what);
  }
  const cause = reason.kind === 'failed' ? reason.error : undefined;
  const why = cause === undefined ? 'the peer closed it' : cause.message;
  return new RdmaError(
    'RDMA_ERR_CONNECTION_LOST',
    `cannot ${what}: the message channel ended: ${why}`,
    { operation: 'send' },
    { cause },
  );
}

function requireMessageBytes(domain: ProtectionDomain, maxMessageBytes = defaultMaxMessageBytes): number {
  const most = domain.transport.capabilities.maxSendBytes - 64;
  if (!Number.isInteger(maxMessageBytes) || maxMessageBytes < 1 || maxMessageBytes > most) {
    throw new InvalidArgumentError(
      `a message channel cannot take messages of ${maxMessageBytes} bytes: from 1 to ${most} can be`,
      { operation: 'MessageChannel' },
    );
  }
  return maxMessageBytes;
}
