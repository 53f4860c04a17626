import type { Endpoint, EndpointOptions } from './endpoint.ts';
import type { NetworkAddress } from './network-address.ts';
import type { ProtectionDomain } from './protection-domain.ts';

/** Options of ProtectionDomain.listen. */
export interface ListenOptions {
  /** Connection requests that may wait to be looked at. Default 128. */
  readonly backlog?: number | undefined;
}

/** How long a peer may take to answer where ConnectOptions do not say. */
export const defaultConnectTimeoutMs = 10_000;

/** Options of Endpoint.connect and ConnectionRequest.accept. */
export interface ConnectOptions {
  /** At most capabilities.maxPrivateDataBytes; longer throws rather than being truncated. */
  readonly privateData?: Uint8Array | undefined;
  /** Gives up: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** How long the peer may take to answer. Default 10000. */
  readonly timeoutMs?: number | undefined;
}

/** What the accepting side answered. */
export interface ConnectionReply {
  /** May be longer than what the peer sent (zero padded), never shorter. */
  readonly privateData: Uint8Array;
}

/** Accepts connections on one address. */
export interface Listener extends AsyncDisposable {
  /**
   * Where peers find it: the address it is bound to, or one of its device's where it listens on all of them, and the real
   * port when 0 was asked for.
   */
  readonly address: NetworkAddress;
  /**
   * Each request must be accepted or rejected; closing the listener rejects the rest and ends the iteration. Several
   * iterations share the requests.
   */
  requests(): AsyncIterable<ConnectionRequest>;
  /** Rejects what waits, stops listening. Endpoints that were made from requests live on. Idempotent. */
  close(): Promise<void>;
}

/** A peer that asks for a connection. */
export interface ConnectionRequest {
  /** The domain that listens; the endpoint will be of it. */
  readonly domain: ProtectionDomain;
  /** What the peer said; may be longer than that (zero padded). */
  readonly privateData: Uint8Array;
  /** As the transport knows it; `host` is what a person would call the peer. */
  readonly peer: NetworkAddress;
  /** Two steps, so that receives can be posted before the peer is told that it may send. */
  createEndpoint(options: EndpointOptions): Endpoint;
  /** Answers the request; the endpoint, made by `createEndpoint`, is established when this resolves. */
  accept(endpoint: Endpoint, options?: ConnectOptions): Promise<void>;
  /** Refuses; the peer's `connect` rejects with ConnectionRefusedError that carries `privateData`. */
  reject(privateData?: Uint8Array): Promise<void>;
}
