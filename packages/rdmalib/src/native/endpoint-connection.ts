import { ConnectionRefusedError, InvalidArgumentError, RdmaError } from '../errors.ts';
import {
  defaultConnectTimeoutMs,
  type ConnectionReply,
  type ConnectOptions,
} from '../transport/connection.ts';
import type { DisconnectReason, EndpointState } from '../transport/endpoint.ts';
import type { NetworkAddress } from '../transport/network-address.ts';
import { abortReason } from './abort-reason.ts';
import type { ShimEvent } from './event-bridge.ts';
import { closedError, nativeError } from './native-error.ts';
import type { NativeProtectionDomain } from './native-protection-domain.ts';
import { disconnectReason, eventType } from './shim-layout.ts';

interface Attempt {
  readonly target: string;
  readonly resolve: (reply: ConnectionReply) => void;
  readonly reject: (reason: unknown) => void;
}

/** The connection side of one endpoint: connecting, and knowing when it ends. */
export class EndpointConnection {
  readonly disconnected: Promise<DisconnectReason>;
  readonly #domain: NativeProtectionDomain;
  readonly #id: number;
  #settle: (reason: DisconnectReason) => void = () => undefined;
  #attempt: Attempt | undefined;
  #finalState: EndpointState = 'new';
  #hearAnswer: (() => void) | undefined;

  constructor(domain: NativeProtectionDomain, id: number) {
    this.#domain = domain;
    this.#id = id;
    this.disconnected = new Promise((resolve) => {
      this.#settle = resolve;
    });
    void this.disconnected.then(() => this.#hearAnswer?.());
    domain.bridge.subscribe('endpoint', id, (event) => this.#handle(event));
  }

  /** What `state` says once the endpoint is closed. */
  get finalState(): EndpointState {
    return this.#finalState === 'failed' ? 'failed' : 'disconnected';
  }

  rememberState(state: EndpointState): void {
    this.#finalState = state;
  }

  async connect(handle: number, address: NetworkAddress, options: ConnectOptions): Promise<ConnectionReply> {
    const { signal } = options;
    signal?.throwIfAborted();
    const { shim, bridge } = this.#domain;
    const data = requirePrivateData(options.privateData, this.#domain);
    shim.check(
      shim.call.shim_endpoint_connect(
        handle,
        address.host,
        address.port,
        data,
        data?.byteLength ?? 0,
        requireTimeout(options.timeoutMs ?? defaultConnectTimeoutMs),
      ),
      'shim_endpoint_connect',
    );
    const target = `${shim.name} ${address.host === '' ? '' : `${address.host} `}port ${address.port}`;
    const abort = (): void => {
      this.#attempt?.reject(abortReason(signal));
      this.#attempt = undefined;
      this.disconnect(handle);
    };
    bridge.hold();
    try {
      return await new Promise<ConnectionReply>((resolve, reject) => {
        this.#attempt = { target, resolve, reject };
        signal?.addEventListener('abort', abort, { once: true });
      });
    } finally {
      signal?.removeEventListener('abort', abort);
      bridge.release();
    }
  }

  accept(handle: number, privateData: Uint8Array | undefined): void {
    const { shim } = this.#domain;
    const data = requirePrivateData(privateData, this.#domain);
    shim.check(shim.call.shim_endpoint_accept(handle, data, data?.byteLength ?? 0), 'shim_endpoint_accept');
  }

  disconnect(handle: number): void {
    const { shim } = this.#domain;
    shim.check(shim.call.shim_endpoint_disconnect(handle), 'shim_endpoint_disconnect');
    this.#attempt?.reject(closedError('endpoint', 'connect'));
    this.#attempt = undefined;
    this.#settle({ kind: 'closed-locally' });
  }

  /**
   * Resolves to true once the peer answered what the endpoint asked it, or the connection ended, to false after so many
   * milliseconds. For one caller at a time.
   */
  async answered(milliseconds: number): Promise<boolean> {
    const { bridge } = this.#domain;
    let timer: NodeJS.Timeout | undefined;
    bridge.hold();
    try {
      return await new Promise<boolean>((resolve) => {
        this.#hearAnswer = () => resolve(true);
        timer = setTimeout(() => resolve(false), milliseconds);
      });
    } finally {
      this.#hearAnswer = undefined;
      clearTimeout(timer);
      bridge.release();
    }
  }

  /** The native endpoint is gone. */
  closed(): void {
    this.#domain.bridge.unsubscribe('endpoint', this.#id);
    this.#attempt?.reject(closedError('endpoint', 'connect'));
    this.#attempt = undefined;
    this.#settle({ kind: 'closed-locally' });
  }

  #handle(event: ShimEvent): void {
    switch (event.type) {
      case eventType.established:
        this.#attempt?.resolve({ privateData: event.privateData });
        this.#attempt = undefined;
        break;
      case eventType.refused:
      case eventType.failed:
        this.#fail(this.#connectError(event));
        break;
      case eventType.disconnected:
        this.#end(event);
        break;
      case eventType.resolved:
        this.#hearAnswer?.();
        break;
      default:
        break;
    }
  }

  #connectError(event: ShimEvent): Error {
    const target = this.#attempt?.target ?? this.#domain.shim.name;
    const details = { operation: 'shim_endpoint_connect', transport: this.#domain.shim.name };
    if (event.type === eventType.refused) {
      const text = event.text === '' ? `connecting to ${target} failed: the peer refused` : event.text;
      return new ConnectionRefusedError(text, event.privateData, { ...details, errno: 'ECONNREFUSED' });
    }
    return nativeError(
      event.error,
      event.text === '' ? `connecting to ${target} failed` : event.text,
      details,
    );
  }

  #fail(error: Error): void {
    this.#attempt?.reject(error);
    this.#attempt = undefined;
    this.#settle({ kind: 'failed', error });
  }

  #end(event: ShimEvent): void {
    if (event.reason === disconnectReason.closedByPeer) {
      this.#settle({ kind: 'closed-by-peer' });
      return;
    }
    const died = event.reason === disconnectReason.peerDied;
    const why = died ? 'the peer process or its host is gone' : 'the peer broke the protocol';
    const said = event.text === '' ? '' : ` (${event.text})`;
    const error = new RdmaError(
      'RDMA_ERR_CONNECTION_LOST',
      `endpoint ${this.#id} lost its connection: ${why}${said}`,
      {
        operation: 'disconnected',
        transport: this.#domain.shim.name,
      },
    );
    this.#settle({ kind: 'failed', error });
  }
}

/** Private data that fits this transport, as the native calls take it; throws InvalidArgumentError. */
export function requirePrivateData(
  privateData: Uint8Array | undefined,
  domain: NativeProtectionDomain,
): Uint8Array | null {
  const most = domain.transport.capabilities.maxPrivateDataBytes;
  if (privateData !== undefined && privateData.byteLength > most) {
    throw new InvalidArgumentError(
      `cannot send ${privateData.byteLength} bytes of private data: transport ${domain.shim.name} carries ${most} ` +
        '(capabilities.maxPrivateDataBytes)',
      { operation: 'connect', transport: domain.shim.name },
    );
  }
  return privateData === undefined || privateData.byteLength === 0 ? null : privateData;
}

function requireTimeout(timeoutMs: number): number {
  if (!Number.isFinite(timeoutMs) || timeoutMs < 0 || timeoutMs > 0x7fff_ffff) {
    throw new InvalidArgumentError(`cannot wait ${timeoutMs} ms for a connection`, { operation: 'connect' });
  }
  return Math.ceil(timeoutMs);
}
