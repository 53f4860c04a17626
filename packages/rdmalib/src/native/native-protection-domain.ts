import type { CompletionQueue, CompletionQueueOptions } from '../transport/completion-queue.ts';
import type { Listener, ListenOptions } from '../transport/connection.ts';
import type { Endpoint, EndpointOptions } from '../transport/endpoint.ts';
import type { MemoryOptions, MemoryRegion } from '../transport/memory-region.ts';
import type { NetworkAddress } from '../transport/network-address.ts';
import type { ProtectionDomain } from '../transport/protection-domain.ts';
import type { Transport } from '../transport/transport.ts';
import { EventBridge } from './event-bridge.ts';
import { NativeCompletionQueue } from './native-completion-queue.ts';
import { NativeEndpoint } from './native-endpoint.ts';
import { closedError } from './native-error.ts';
import { NativeListener } from './native-listener.ts';
import { NativeMemoryRegion } from './native-memory-region.ts';
import type { Shim } from './shim.ts';

type Child = NativeEndpoint | NativeListener | NativeCompletionQueue | NativeMemoryRegion;

/** A protection domain over any native transport; it owns what is opened from it. */
export class NativeProtectionDomain implements ProtectionDomain {
  readonly transport: Transport;
  readonly shim: Shim;
  readonly bridge: EventBridge;
  readonly #endpoints = new Set<Child>();
  readonly #listeners = new Set<Child>();
  readonly #queues = new Set<Child>();
  readonly #regions = new Set<Child>();
  readonly #onClose: (domain: NativeProtectionDomain) => void;
  #handle: number;

  constructor(
    transport: Transport,
    shim: Shim,
    handle: number,
    onClose: (domain: NativeProtectionDomain) => void,
  ) {
    this.transport = transport;
    this.shim = shim;
    this.bridge = new EventBridge(shim, handle);
    this.#handle = handle;
    this.#onClose = onClose;
  }

  /** The native pointer; throws ClosedError after `close`. */
  get handle(): number {
    if (this.#handle === 0) {
      throw closedError('protection domain', 'use it');
    }
    return this.#handle;
  }

  allocateMemory(options: MemoryOptions): MemoryRegion {
    return keep(this.#regions, new NativeMemoryRegion(this, options));
  }

  createCompletionQueue(options: CompletionQueueOptions): CompletionQueue {
    return keep(this.#queues, new NativeCompletionQueue(this, options));
  }

  createEndpoint(options: EndpointOptions): Endpoint {
    return this.adoptEndpoint(new NativeEndpoint(this, options));
  }

  /** Owns an endpoint that a connection request made. */
  adoptEndpoint(endpoint: NativeEndpoint): NativeEndpoint {
    return keep(this.#endpoints, endpoint);
  }

  async listen(address: NetworkAddress, options: ListenOptions = {}): Promise<Listener> {
    return Promise.resolve(keep(this.#listeners, new NativeListener(this, address, options)));
  }

  /** A child was closed. */
  forget(child: Child): void {
    for (const children of [this.#endpoints, this.#listeners, this.#queues, this.#regions]) {
      children.delete(child);
    }
  }

  close(): void {
    if (this.#handle === 0) {
      return;
    }
    // Children first, users before what they use: endpoints before their queues, and regions when nobody can post them.
    for (const children of [this.#endpoints, this.#listeners, this.#queues, this.#regions]) {
      for (const child of [...children]) {
        closeChild(child);
      }
    }
    const handle = this.#handle;
    this.#handle = 0;
    this.bridge.close();
    this.#onClose(this);
    this.shim.check(this.shim.call.shim_domain_close(handle), 'shim_domain_close');
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function keep<Kind extends Child>(children: Set<Child>, child: Kind): Kind {
  children.add(child);
  return child;
}

function closeChild(child: Child): void {
  if (child instanceof NativeEndpoint || child instanceof NativeListener) {
    child.closeNow();
  } else {
    child.close();
  }
}
