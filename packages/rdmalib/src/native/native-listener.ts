import { InvalidArgumentError } from '../errors.ts';
import type { ConnectionRequest, Listener, ListenOptions } from '../transport/connection.ts';
import type { NetworkAddress } from '../transport/network-address.ts';
import { AsyncQueue } from './async-queue.ts';
import type { ShimEvent } from './event-bridge.ts';
import { NativeConnectionRequest } from './native-connection-request.ts';
import type { NativeProtectionDomain } from './native-protection-domain.ts';
import type { Shim } from './shim.ts';
import { addressBytes } from './shim-layout.ts';

const defaultBacklog = 128;

function readAddress(shim: Shim, handle: number): NetworkAddress {
  const port = shim.check(shim.call.shim_listener_port(handle), 'shim_listener_port');
  const text = new Uint8Array(addressBytes);
  const length = shim.check(shim.call.shim_listener_host(handle, text, addressBytes), 'shim_listener_host');
  return { host: new TextDecoder().decode(text.subarray(0, length)), port };
}

/** A listener over any native transport. */
export class NativeListener implements Listener {
  readonly address: NetworkAddress;
  readonly domain: NativeProtectionDomain;
  readonly #id: number;
  readonly #queue = new AsyncQueue<NativeConnectionRequest>();
  readonly #unanswered = new Set<NativeConnectionRequest>();
  #handle: number;

  constructor(domain: NativeProtectionDomain, address: NetworkAddress, options: ListenOptions) {
    const backlog = options.backlog ?? defaultBacklog;
    if (!Number.isInteger(address.port) || address.port < 0 || address.port > 65535) {
      throw new InvalidArgumentError(`cannot listen on port ${address.port}: ports go from 0 to 65535`, {
        operation: 'listen',
      });
    }
    if (!Number.isInteger(backlog) || backlog < 1) {
      throw new InvalidArgumentError(`cannot listen with a backlog of ${backlog}`, { operation: 'listen' });
    }
    const { shim } = domain;
    const result = new BigUint64Array(1);
    this.#id = shim.check(
      shim.call.shim_listener_open(domain.handle, address.host, address.port, backlog, result),
      'shim_listener_open',
    );
    this.#handle = Number(result[0]);
    this.domain = domain;
    this.address = readAddress(shim, this.#handle);
    domain.bridge.subscribe('listener', this.#id, (event) => this.#requested(event));
    domain.bridge.hold();
  }

  requests(): AsyncIterable<ConnectionRequest> {
    return this.#queue.values();
  }

  async close(): Promise<void> {
    this.closeNow();
    return Promise.resolve();
  }

  /** What `close` does, for owners that close synchronously. */
  closeNow(): void {
    const handle = this.#handle;
    if (handle === 0) {
      return;
    }
    const { shim, bridge } = this.domain;
    this.#handle = 0;
    this.#queue.end();
    for (const request of this.#unanswered) {
      request.abandon();
    }
    this.#unanswered.clear();
    bridge.unsubscribe('listener', this.#id);
    shim.check(shim.call.shim_listener_close(handle), 'shim_listener_close');
    bridge.release();
    this.domain.forget(this);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #requested(event: ShimEvent): void {
    const request = new NativeConnectionRequest(this.domain, event, (answered) =>
      this.#unanswered.delete(answered),
    );
    this.#unanswered.add(request);
    this.#queue.push(request);
  }
}
