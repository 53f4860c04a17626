import {
  authenticateClient,
  decodeMessage,
  encodeConnectionData,
  encodeMessage,
  type Authenticated,
  type ClientHandshakeOptions,
  type Message,
  type OutgoingMessage,
} from '@rfaas/core';
import { MessageChannel, openTransport, parseTransportUrl, type Transport } from '@rfaas/rdmalib';

/** The other end of a resource manager's connection, as tests speak it: message by message. */
export class TestPeer implements AsyncDisposable {
  readonly channel: MessageChannel;
  readonly #transport: Transport;

  private constructor(transport: Transport, channel: MessageChannel) {
    this.#transport = transport;
    this.channel = channel;
  }

  /** Connects with any private data, proving nothing. */
  static async connect(url: string, privateData: Uint8Array): Promise<TestPeer> {
    const transport = openTransport(url);
    try {
      const domain = transport.openProtectionDomain();
      return new TestPeer(
        transport,
        await MessageChannel.connect(domain, parseTransportUrl(url), { privateData }),
      );
    } catch (error) {
      await transport.close();
      throw error;
    }
  }

  /** Connects and authenticates. */
  static async authenticate(
    url: string,
    options: ClientHandshakeOptions,
  ): Promise<{ readonly peer: TestPeer; readonly server: Authenticated }> {
    const peer = await TestPeer.connect(url, encodeConnectionData({ role: options.role }));
    try {
      return { peer, server: await authenticateClient(peer.channel, options) };
    } catch (error) {
      await peer[Symbol.asyncDispose]();
      throw error;
    }
  }

  async send(message: OutgoingMessage, correlation = 0): Promise<void> {
    await this.channel.send(encodeMessage(message, correlation));
  }

  /** The next message; `undefined` once the connection is gone. */
  async receive(): Promise<Message | undefined> {
    const bytes = await this.channel.receive();
    return bytes === undefined ? undefined : decodeMessage(bytes);
  }

  /** Sends a request and returns what comes next. */
  async ask(message: OutgoingMessage, correlation = 1): Promise<Message | undefined> {
    await this.send(message, correlation);
    return this.receive();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.channel.close();
    await this.#transport.close();
  }
}
