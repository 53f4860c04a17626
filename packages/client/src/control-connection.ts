import {
  authenticateClient,
  decodeMessage,
  encodeConnectionData,
  encodeMessage,
  expectMessage,
  rejectionError,
  RfaasError,
  type Authenticated,
  type ConnectionRole,
  type Message,
  type MessageKind,
  type MessageOf,
  type OutgoingMessage,
} from '@rfaas/core';
import {
  ConnectionRefusedError,
  MessageChannel,
  openTransport,
  parseTransportUrl,
  type ProtectionDomain,
  type Transport,
} from '@rfaas/rdmalib';
import { abortError, describeError, timeLimit } from './time-limit.ts';

/** How to reach a manager, and how to prove who we are. */
export interface ControlConnectionOptions {
  readonly url: string;
  /** For error messages: `resource manager`, `executor manager`. */
  readonly what: string;
  readonly role: ConnectionRole;
  /** The tenant. */
  readonly name: string;
  readonly key: Uint8Array;
  readonly leaseId?: string;
  readonly generation?: number;
  readonly timeoutMs: number;
  /** A manager on another host of which nothing is heard for this long is lost. */
  readonly peerTimeoutMs: number;
  /** The same for a manager on this host, which otherwise may be silent for as long as it lives. */
  readonly watchesHost?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Hears what the manager says unasked. */
  readonly onNotification: (message: Message) => void;
}

/** How a request may be limited. */
export interface RequestOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Takes a message that comes in front of the answer; false for the answer itself. */
  readonly takePart?: (message: Message) => boolean;
}

interface Waiting {
  /** Takes a message that comes in front of the answer; false for the answer itself. */
  readonly takePart: (message: Message) => boolean;
  readonly resolve: (message: Message) => void;
  readonly reject: (error: RfaasError) => void;
}

/** An authenticated control-plane connection: requests matched with their answers, and notifications. */
export class ControlConnection implements AsyncDisposable {
  readonly url: string;
  readonly peer: Authenticated;
  /** Settles once with why the connection ended; never rejects. */
  readonly ended: Promise<RfaasError>;
  readonly #what: string;
  readonly #transport: Transport;
  readonly #channel: MessageChannel;
  readonly #waiting = new Map<number, Waiting>();
  readonly #onNotification: (message: Message) => void;
  #correlation = 0;
  #end: RfaasError | undefined;

  private constructor(
    options: ControlConnectionOptions,
    transport: Transport,
    channel: MessageChannel,
    peer: Authenticated,
  ) {
    this.url = options.url;
    this.peer = peer;
    this.#what = options.what;
    this.#transport = transport;
    this.#channel = channel;
    this.#onNotification = options.onNotification;
    this.ended = this.#receive();
  }

  /** Connects and authenticates both sides. Throws RfaasError: nobody there, wrong key, another version, too slow. */
  static async connect(options: ControlConnectionOptions): Promise<ControlConnection> {
    const { url, what } = options;
    using limit = timeLimit(`connecting to the ${what} at ${url}`, options.timeoutMs, options.signal);
    const transport = openTransport(url);
    try {
      const channel = await connectChannel(transport.openProtectionDomain(), options, limit.signal);
      const peer = await authenticateClient(channel, { ...options, signal: limit.signal });
      return new ControlConnection(options, transport, channel, peer);
    } catch (error) {
      await transport.close();
      throw limit.signal.aborted ? abortError(limit.signal) : connectError(error, options);
    }
  }

  /** Sends a request and waits for its answer; a refusal throws the manager's error. */
  async request<K extends MessageKind>(
    message: OutgoingMessage,
    kind: K,
    options: RequestOptions,
  ): Promise<MessageOf<K>> {
    if (this.#end !== undefined) throw this.#end;
    using limit = timeLimit(
      `${message.kind} at the ${this.#what} ${this.url}`,
      options.timeoutMs,
      options.signal,
    );
    this.#correlation += 1;
    const correlation = this.#correlation;
    const { takePart = () => false } = options;
    const answer = new Promise<Message>((resolve, reject) =>
      this.#waiting.set(correlation, { takePart, resolve, reject }),
    );
    try {
      await this.send(message, correlation);
      return expectMessage(await Promise.race([answer, limit.passed]), kind);
    } finally {
      this.#waiting.delete(correlation);
      answer.catch(() => undefined);
    }
  }

  /** Sends a message that has no answer of its own. */
  async send(message: OutgoingMessage, correlation = 0): Promise<void> {
    try {
      await this.#channel.send(encodeMessage(message, correlation));
    } catch (error) {
      throw error instanceof RfaasError ? error : (this.#end ?? this.#lost(describeError(error), error));
    }
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#fail(
      new RfaasError('RFAAS_ERR_CLOSED', `the connection to the ${this.#what} at ${this.url} was closed`),
    );
    await this.#channel.close();
    await this.#transport.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #receive(): Promise<RfaasError> {
    try {
      for await (const bytes of this.#channel.messages()) this.#take(decodeMessage(bytes));
      const end = await this.#channel.disconnected;
      const isFailure = end.kind === 'failed';
      const why = isFailure ? end.error.message : 'it closed the connection or died';
      return this.#fail(this.#lost(why, isFailure ? end.error : undefined));
    } catch (error) {
      return this.#fail(this.#lost(describeError(error), error));
    }
  }

  #take(message: Message): void {
    const waiting = this.#waiting.get(message.correlation);
    if (waiting !== undefined) {
      if (waiting.takePart(message)) return;
      waiting.resolve(message);
    }
    if (waiting === undefined || message.kind === 'allocation-ended') {
      this.#onNotification(message);
    }
  }

  #lost(reason: string, cause?: unknown): RfaasError {
    return new RfaasError('RFAAS_ERR_MANAGER_LOST', `lost the ${this.#what} at ${this.url}: ${reason}`, {
      cause,
    });
  }

  #fail(error: RfaasError): RfaasError {
    this.#end ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#end);
    this.#waiting.clear();
    return this.#end;
  }
}

async function connectChannel(
  domain: ProtectionDomain,
  { url, role, timeoutMs, peerTimeoutMs, watchesHost = false }: ControlConnectionOptions,
  signal: AbortSignal,
): Promise<MessageChannel> {
  return MessageChannel.connect(domain, parseTransportUrl(url), {
    privateData: encodeConnectionData({ role }),
    signal,
    timeoutMs,
    ...(watchesHost || domain.transport.capabilities.crossesHosts ? { peerTimeoutMs } : {}),
  });
}

function connectError(error: unknown, { url, what }: ControlConnectionOptions): RfaasError {
  if (error instanceof RfaasError) return error;
  if (error instanceof ConnectionRefusedError && error.privateData.byteLength > 0) {
    return rejectionError(`connecting to the ${what} at ${url}`, error.privateData, error);
  }
  return new RfaasError(
    'RFAAS_ERR_MANAGER_LOST',
    `cannot connect to the ${what} at ${url}: ${describeError(error)}; is it running, and is the address right?`,
    { cause: error },
  );
}
