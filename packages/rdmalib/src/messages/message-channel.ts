import { ClosedError } from '../errors.ts';
import { defaultConnectTimeoutMs, type ConnectionRequest } from '../transport/connection.ts';
import type { DisconnectReason, Endpoint } from '../transport/endpoint.ts';
import type { NetworkAddress } from '../transport/network-address.ts';
import type { ProtectionDomain } from '../transport/protection-domain.ts';
import type { WorkCompletion } from '../transport/work-completion.ts';
import { asError, endError, silentPeer } from './channel-errors.ts';
import { ChannelLink, firstUserWrId, windowMessages } from './channel-link.ts';
import {
  requireMessageBytes,
  type AcceptChannelOptions,
  type ConnectChannelOptions,
  type ReceiveMessageOptions,
} from './channel-options.ts';
import { KeepAlive } from './keep-alive.ts';
import { decodeHello, encodeHello, malformed, readFrame } from './message-frame.ts';
import { MessageInbox } from './message-inbox.ts';
import { MessageOutbox } from './message-outbox.ts';
import { openChannels } from './open-channels.ts';
import { UserRequests } from './user-requests.ts';

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
  readonly #inbox: MessageInbox;
  readonly #outbox: MessageOutbox;
  readonly #requests = new UserRequests();
  #settle: (reason: DisconnectReason) => void = () => undefined;
  readonly #keepAlive: KeepAlive;
  #watch: NodeJS.Timeout | undefined;
  #greeted = false;
  /** Messages that the peer may still send. */
  #allowance = windowMessages;
  #end: DisconnectReason | undefined;

  private constructor(link: ChannelLink, peerPrivateData: Uint8Array, options: AcceptChannelOptions) {
    const { peerTimeoutMs = Infinity, timeoutMs = defaultConnectTimeoutMs } = options;
    this.peerPrivateData = peerPrivateData;
    this.#link = link;
    this.#keepAlive = new KeepAlive(peerTimeoutMs, performance.now(), timeoutMs);
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
    options.signal?.throwIfAborted();
    const link = new ChannelLink(domain, maxMessageBytes, (endpoint) => domain.createEndpoint(endpoint));
    try {
      const reply = await link.endpoint.connect(address, options);
      return new MessageChannel(link, reply.privateData, options).#start();
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
      await request.accept(link.endpoint, options);
      return new MessageChannel(link, request.privateData, options).#start();
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

  /** False once it has ended, also before `disconnected` could tell. */
  get isOpen(): boolean {
    return this.#end === undefined;
  }

  /**
   * Takes what arrived and looks after the peer, as the event loop does otherwise; see `tendMessageChannels`. Never
   * throws: a channel that ends here is open no more.
   */
  tend(): void {
    if (this.#end === undefined) {
      this.#guard(() => this.#drain());
      this.#look();
    }
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
    openChannels.add(this);
    this.#link.send('hello', windowMessages, encodeHello(this.#link.maxMessageBytes));
    void this.#link.endpoint.disconnected.then(async (reason) => this.#lost(reason));
    if (this.#keepAlive.timeoutMs < Infinity) {
      this.#watch = setInterval(() => this.tend(), this.#keepAlive.intervalMs);
    }
    void this.#run();
    return this;
  }

  async #run(): Promise<void> {
    while (this.#end === undefined) {
      this.tend();
      try {
        await this.#link.readable();
      } catch (error) {
        this.#failed(error);
        return;
      }
    }
  }

  /** Is the peer still there? */
  #look(): void {
    const verdict = this.#end === undefined ? this.#keepAlive.look(performance.now()) : 'wait';
    if (verdict === 'lost') {
      void this.#finish({ kind: 'failed', error: silentPeer(this.#keepAlive.timeoutMs, this.#greeted) });
    } else if (verdict === 'ask') {
      this.#guard(() => this.#link.signOfLife('question'));
    }
  }

  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    if (error instanceof ClosedError) {
      // The end of the channel or of the domain closes the queue under our wait; `disconnected` tells which.
      return;
    }
    void this.#finish({ kind: 'failed', error: asError(error) });
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
        end = { kind: 'failed', error: asError(error) };
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
    this.#keepAlive.heard();
    if (this.#greeted === (frame.kind === 'hello')) {
      throw malformed(this.#greeted ? 'a second hello' : `a ${frame.kind} frame before the hello`);
    }
    if (frame.kind === 'hello') {
      this.#greeted = true;
      this.#outbox.greeted(decodeHello(frame.payload));
    }
    this.#outbox.credit(frame.credits);
    if (frame.kind === 'question') {
      this.#link.signOfLife('answer');
    } else if (frame.kind === 'data') {
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
    openChannels.delete(this);
    clearInterval(this.#watch);
    const error = endError(reason, 'go on');
    this.#outbox.end(error);
    this.#requests.end(error);
    this.#inbox.end();
    this.#settle(reason);
    await this.#link.close();
  }
}
