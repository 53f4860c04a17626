import type { Shim } from './shim.ts';
import { addressBytes, eventBytes, eventOffset, eventType, maxPrivateDataBytes } from './shim-layout.ts';
import { watchPipe, type PipeWatch } from './watch-pipe.ts';

/** One event of a protection domain (`struct shim_event`). */
export interface ShimEvent {
  readonly type: number;
  /** A negative errno, or 0. */
  readonly error: number;
  readonly reason: number;
  readonly object: number;
  readonly peer: string;
  readonly peerPort: number;
  readonly privateData: Uint8Array;
  /** What the transport says about an event that stands for a failure. */
  readonly text: string;
}

/** Whose event it is; ids are counted per kind. */
export type EventOwner = 'listener' | 'endpoint' | 'queue';

/** Takes events in one turn of the event loop before others get theirs. */
const eventsPerTurn = 256;

/**
 * Brings a domain's events into the event loop. The event loop, and with it the process, stays alive only while
 * something holds the bridge.
 */
export class EventBridge {
  readonly #shim: Shim;
  readonly #domain: number;
  readonly #watch: PipeWatch;
  readonly #bytes = new Uint8Array(eventBytes);
  readonly #view = new DataView(this.#bytes.buffer);
  readonly #handlers: Readonly<Record<EventOwner, Map<number, (event: ShimEvent) => void>>> = {
    listener: new Map(),
    endpoint: new Map(),
    queue: new Map(),
  };
  #holds = 0;
  #closed = false;

  constructor(shim: Shim, domain: number) {
    this.#shim = shim;
    this.#domain = domain;
    const descriptor = shim.check(shim.call.shim_domain_event_fd(domain), 'shim_domain_event_fd');
    this.#watch = watchPipe(descriptor, () => this.drain());
  }

  /** Registers who hears the events of an owner. */
  subscribe(owner: EventOwner, id: number, handler: (event: ShimEvent) => void): void {
    this.#handlers[owner].set(id, handler);
  }

  unsubscribe(owner: EventOwner, id: number): void {
    this.#handlers[owner].delete(id);
  }

  /** Keeps the event loop alive until the matching release. */
  hold(): void {
    this.#holds += 1;
    if (this.#holds === 1 && !this.#closed) {
      this.#watch.ref();
    }
  }

  release(): void {
    this.#holds -= 1;
    if (this.#holds === 0 && !this.#closed) {
      this.#watch.unref();
    }
  }

  /** Hands out the events that wait. */
  drain(): void {
    for (let taken = 0; !this.#closed; taken += 1) {
      if (taken === eventsPerTurn) {
        // The pipe's byte is taken: nobody else would call us again for the rest.
        setImmediate(() => this.drain());
        return;
      }
      const { shim_domain_next_event: next } = this.#shim.call;
      if (this.#shim.check(next(this.#domain, this.#bytes), 'shim_domain_next_event') === 0) {
        return;
      }
      this.#dispatch();
    }
  }

  close(): void {
    if (!this.#closed) {
      this.#closed = true;
      this.#watch.close();
    }
  }

  #dispatch(): void {
    const type = this.#view.getUint32(eventOffset.type, true);
    const id = this.#view.getUint32(eventOffset.ownerId, true);
    const handler = this.#handlers[ownerOf(type)].get(id);
    if (handler !== undefined) {
      handler(this.#read(type));
    } else if (type === eventType.connectRequest) {
      // Its listener is gone: nobody else will answer the peer.
      const request = Number(this.#view.getBigUint64(eventOffset.object, true));
      this.#shim.check(this.#shim.call.shim_request_reject(request, null, 0), 'shim_request_reject');
    }
  }

  #read(type: number): ShimEvent {
    const peer = this.#bytes.subarray(eventOffset.peer, eventOffset.peer + addressBytes);
    const end = peer.indexOf(0);
    const privateBytes = Math.min(
      this.#view.getUint32(eventOffset.privateDataBytes, true),
      maxPrivateDataBytes,
    );
    const error = this.#view.getInt32(eventOffset.error, true);
    const reason = this.#view.getUint32(eventOffset.reason, true);
    const tells = type === eventType.failed || type === eventType.disconnected;
    return {
      type,
      error,
      reason,
      object: Number(this.#view.getBigUint64(eventOffset.object, true)),
      peer: new TextDecoder().decode(peer.subarray(0, end < 0 ? addressBytes : end)),
      peerPort: this.#view.getUint32(eventOffset.peerPort, true),
      privateData: this.#bytes.slice(eventOffset.privateData, eventOffset.privateData + privateBytes),
      text: tells ? this.#shim.lastErrorText() : '',
    };
  }
}

function ownerOf(type: number): EventOwner {
  switch (type) {
    case eventType.connectRequest:
      return 'listener';
    case eventType.readable:
      return 'queue';
    default:
      return 'endpoint';
  }
}
