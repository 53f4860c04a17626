import {
  decodeMessage,
  encodeMessage,
  errorFields,
  expectMessage,
  refusalOf,
  RfaasError,
  type Logger,
  type Message,
  type MessageKind,
  type MessageOf,
  type MessagePort,
  type OutgoingMessage,
  type RfaasErrorCode,
} from '@rfaas/core';

/** A connection that carries messages and can be closed. */
export interface Channel extends MessagePort {
  close(): Promise<void>;
}

/** Hears how long the answer to a request took, and with which error it was refused, if it was. */
export type AnswerObserver = (
  request: MessageKind,
  seconds: number,
  code: RfaasErrorCode | undefined,
) => void;

/** An authenticated connection as sessions use it: messages in and out, and requests that are answered side by side. */
export class SessionChannel {
  readonly #channel: Channel;
  readonly #logger: Logger;
  readonly #onAnswered: AnswerObserver;
  readonly #pending = new Set<Promise<void>>();

  constructor(channel: Channel, logger: Logger, onAnswered: AnswerObserver = () => undefined) {
    this.#channel = channel;
    this.#logger = logger;
    this.#onAnswered = onAnswered;
  }

  /** Sends a message. One that cannot be sent is logged: the end of the connection is noticed where it is read. */
  async send(message: OutgoingMessage, correlation = 0): Promise<void> {
    try {
      await this.#channel.send(encodeMessage(message, correlation));
    } catch (error) {
      this.#logger.debug('message not sent', { message: message.kind, ...errorFields(error) });
    }
  }

  /**
   * The next message, which must be of one of `kinds`, or `undefined` once the peer is gone. A peer that sends anything
   * else is told so before this throws.
   *
   * @throws RfaasError `RFAAS_ERR_PROTOCOL`, `RFAAS_ERR_VERSION`, or what the peer refused with
   */
  async receive<K extends MessageKind>(
    kinds: readonly K[],
    signal?: AbortSignal,
  ): Promise<MessageOf<K> | undefined> {
    const bytes = await this.#channel.receive(signal === undefined ? {} : { signal });
    if (bytes === undefined) {
      return undefined;
    }
    try {
      return expectMessage(decodeMessage(bytes), ...kinds);
    } catch (error) {
      await this.refuse(error);
      throw error;
    }
  }

  /** Answers a request without keeping those behind it waiting; what `answer` throws is sent as a refusal. */
  respond(request: Message, answer: () => Promise<OutgoingMessage>): void {
    const work = this.#respond(request, answer).finally(() => this.#pending.delete(work));
    this.#pending.add(work);
  }

  /** Tells the peer why the connection ends. */
  async refuse(error: unknown, correlation = 0): Promise<void> {
    await this.send({ kind: 'refused', ...refusalOf(error) }, correlation);
  }

  /** Closes the connection, once the answers under way are done. */
  async close(): Promise<void> {
    await this.#channel.close();
    await Promise.all(this.#pending);
  }

  async #respond(request: Message, answer: () => Promise<OutgoingMessage>): Promise<void> {
    const started = performance.now();
    let code: RfaasErrorCode | undefined;
    try {
      await this.send(await answer(), request.correlation);
    } catch (error) {
      code = error instanceof RfaasError ? error.code : 'RFAAS_ERR_INTERNAL';
      if (code === 'RFAAS_ERR_INTERNAL') {
        this.#logger.error('request failed', { request: request.kind, ...errorFields(error) });
      } else {
        this.#logger.info('request refused', { request: request.kind, ...errorFields(error) });
      }
      await this.refuse(error, request.correlation);
    }
    this.#onAnswered(request.kind, (performance.now() - started) / 1000, code);
  }
}
