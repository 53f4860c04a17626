import { ClosedError, InvalidArgumentError } from '../errors.ts';
import type { ConnectionRequest, ConnectOptions } from '../transport/connection.ts';
import type { Endpoint, EndpointOptions } from '../transport/endpoint.ts';
import type { NetworkAddress } from '../transport/network-address.ts';
import { requirePrivateData } from './endpoint-connection.ts';
import type { ShimEvent } from './event-bridge.ts';
import { NativeEndpoint } from './native-endpoint.ts';
import type { NativeProtectionDomain } from './native-protection-domain.ts';

/** A connection request over any native transport. The native request is owned by us until an endpoint takes it. */
export class NativeConnectionRequest implements ConnectionRequest {
  readonly privateData: Uint8Array;
  readonly peer: NetworkAddress;
  readonly domain: NativeProtectionDomain;
  readonly #answered: (request: NativeConnectionRequest) => void;
  #handle: number;
  #endpoint: NativeEndpoint | undefined;

  constructor(
    domain: NativeProtectionDomain,
    event: ShimEvent,
    answered: (request: NativeConnectionRequest) => void,
  ) {
    this.privateData = event.privateData;
    this.peer = { host: event.peer, port: event.peerPort };
    this.domain = domain;
    this.#answered = answered;
    this.#handle = event.object;
  }

  createEndpoint(options: EndpointOptions): Endpoint {
    const endpoint = this.domain.adoptEndpoint(
      new NativeEndpoint(this.domain, options, this.#take('createEndpoint', false)),
    );
    this.#handle = 0;
    this.#endpoint = endpoint;
    this.#answered(this);
    return endpoint;
  }

  async accept(endpoint: Endpoint, options: ConnectOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    if (this.#endpoint === undefined || endpoint !== this.#endpoint) {
      throw new InvalidArgumentError(
        'cannot accept a connection request with this endpoint: pass the one that createEndpoint of the same request made',
        { operation: 'accept' },
      );
    }
    this.#endpoint.accept(options.privateData);
    return Promise.resolve();
  }

  async reject(privateData?: Uint8Array): Promise<void> {
    const data = requirePrivateData(privateData, this.domain);
    this.#refuse(this.#take('reject', true), data);
    return Promise.resolve();
  }

  /** Its listener closes: refuses, unless it was answered. */
  abandon(): void {
    if (this.#handle !== 0) {
      const handle = this.#handle;
      this.#handle = 0;
      this.#refuse(handle, null);
    }
  }

  #take(operation: string, forget: boolean): number {
    const handle = this.#handle;
    if (handle === 0) {
      throw new ClosedError(
        `cannot ${operation}: the connection request was answered already, or its listener is closed`,
        { operation },
      );
    }
    if (forget) {
      this.#handle = 0;
      this.#answered(this);
    }
    return handle;
  }

  #refuse(handle: number, data: Uint8Array | null): void {
    const { shim } = this.domain;
    shim.check(shim.call.shim_request_reject(handle, data, data?.byteLength ?? 0), 'shim_request_reject');
  }
}
