import { UnsupportedOperationError } from '../errors.ts';
import type { ConnectionRequest } from '../transport/connection.ts';
import type { DisconnectReason, Endpoint } from '../transport/endpoint.ts';
import type { NetworkAddress } from '../transport/network-address.ts';
import type { ProtectionDomain } from '../transport/protection-domain.ts';

/** Options of MessageChannel.accept. */
export interface AcceptChannelOptions {
  readonly privateData?: Uint8Array | undefined;
  /** Longest message either way; both sides must say the same. Default 4096. */
  readonly maxMessageBytes?: number | undefined;
}

/** Options of MessageChannel.connect. */
export interface ConnectChannelOptions extends AcceptChannelOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

/** Options of MessageChannel.receive. */
export interface ReceiveMessageOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Ordered control-plane datagrams over one endpoint. */
export class MessageChannel implements AsyncDisposable {
  readonly endpoint: Endpoint;
  readonly peerPrivateData: Uint8Array;
  readonly disconnected: Promise<DisconnectReason>;

  private constructor(endpoint: Endpoint, peerPrivateData: Uint8Array) {
    this.endpoint = endpoint;
    this.peerPrivateData = peerPrivateData;
    this.disconnected = endpoint.disconnected;
  }

  static async connect(
    _domain: ProtectionDomain,
    _address: NetworkAddress,
    _options: ConnectChannelOptions = {},
  ): Promise<MessageChannel> {
    throw new UnsupportedOperationError('not built yet');
  }

  static async accept(_request: ConnectionRequest, _options: AcceptChannelOptions = {}): Promise<MessageChannel> {
    throw new UnsupportedOperationError('not built yet');
  }

  async send(_message: Uint8Array): Promise<void> {}

  async receive(_options: ReceiveMessageOptions = {}): Promise<Uint8Array | undefined> {
    return undefined;
  }

  async *messages(): AsyncGenerator<Uint8Array, void, undefined> {}

  async close(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
