import type { RfaasError, Allocate, AllocationEnded, LeaseWarningReason, Message } from '@rfaas/core';
import { ControlConnection } from './control-connection.ts';

/** What a client needs to use a lease at its node. */
export interface LeaseGrant {
  readonly leaseId: string;
  readonly generation: number;
  readonly node: string;
  readonly url: string;
  readonly cores: number;
  readonly memoryMiB: number;
  readonly gpus?: number;
  /** The start of the executor manager that it is for, where this client signed it itself. */
  readonly incarnation?: bigint;
  /** Milliseconds since 1970. */
  readonly expiry: number;
  readonly token: Uint8Array;
  /** Proves to the executor manager that the lease is ours. */
  readonly leaseKey: Uint8Array;
  readonly tenant: string;
}

/** How an allocation ended, as far as anybody can tell. */
export type AllocationEnd =
  | { readonly kind: 'ended'; readonly message: AllocationEnded }
  | { readonly kind: 'manager-lost'; readonly error: RfaasError };

interface Ending {
  readonly promise: Promise<AllocationEnd>;
  readonly resolve: (end: AllocationEnd) => void;
}

/** Options of {@link ExecutorManagerSession.connect}. */
export interface ConnectSessionOptions {
  readonly timeoutMs: number;
  /** A manager on another host of which nothing is heard for this long is lost. */
  readonly peerTimeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** What the session tells its owner unasked. */
export interface SessionListener {
  /** The lease ends soon on a node. */
  leaseWarning(expiry: number, reason: LeaseWarningReason): void;
}

/** A client's connection to one executor manager under one lease. */
export class ExecutorManagerSession implements AsyncDisposable {
  readonly connection: ControlConnection;
  readonly #endings: Map<string, Ending>;

  private constructor(connection: ControlConnection, endings: Map<string, Ending>) {
    this.connection = connection;
    this.#endings = endings;
    void connection.ended.then((error) => {
      for (const { resolve } of this.#endings.values()) resolve({ kind: 'manager-lost', error });
    });
  }

  /** Connects and proves possession of the lease's key. */
  static async connect(
    lease: Pick<LeaseGrant, 'url' | 'leaseId' | 'generation' | 'leaseKey' | 'tenant'>,
    listener: SessionListener,
    options: ConnectSessionOptions,
  ): Promise<ExecutorManagerSession> {
    const endings = new Map<string, Ending>();
    const connection = await ControlConnection.connect({
      url: lease.url,
      what: 'executor manager',
      role: 'client-to-executor-manager',
      name: lease.tenant,
      key: lease.leaseKey,
      leaseId: lease.leaseId,
      generation: lease.generation,
      timeoutMs: options.timeoutMs,
      peerTimeoutMs: options.peerTimeoutMs,
      signal: options.signal,
      onNotification: (message) => notify(message, endings, listener),
    });
    return new ExecutorManagerSession(connection, endings);
  }

  /** Asks for an executor; returns the allocation's id once the manager is starting it. */
  async allocate(fields: Allocate, timeoutMs: number): Promise<string> {
    const { allocationId } = await this.connection.request(
      { kind: 'allocate', ...fields },
      'allocation-started',
      { timeoutMs },
    );
    return allocationId;
  }

  /** Settles once when the allocation is over or the manager is gone; never rejects. */
  allocationEnd(allocationId: string): Promise<AllocationEnd> {
    return endingOf(this.#endings, allocationId).promise;
  }

  /** Nobody will ask for the end of this allocation any more; it is forgotten once it has come. */
  forget(allocationId: string): void {
    void this.allocationEnd(allocationId).then(() => this.#endings.delete(allocationId));
  }

  /** Shows the token of the renewed lease. */
  async renew(token: Uint8Array, timeoutMs: number): Promise<void> {
    await this.connection.request({ kind: 'renew-lease', token }, 'lease-renewed', { timeoutMs });
  }

  /** Asks the manager to end an allocation; its end comes through {@link allocationEnd}. */
  async deallocate(allocationId: string): Promise<void> {
    await this.connection.send({ kind: 'deallocate', allocationId });
  }

  /** Idempotent. */
  async close(): Promise<void> {
    await this.connection.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function notify(message: Message, endings: Map<string, Ending>, listener: SessionListener): void {
  switch (message.kind) {
    case 'allocation-ended':
      endingOf(endings, message.allocationId).resolve({ kind: 'ended', message });
      break;
    case 'lease-warning':
      listener.leaseWarning(message.expiry, message.reason);
      break;
    default:
      // Answers that came after their request was given up.
      break;
  }
}

/** Made by whoever comes first: the manager's message or the question for it. */
function endingOf(endings: Map<string, Ending>, allocationId: string): Ending {
  const existing = endings.get(allocationId);
  if (existing !== undefined) return existing;
  let resolve!: (end: AllocationEnd) => void;
  const promise = new Promise<AllocationEnd>((settle) => {
    resolve = settle;
  });
  const ending = { promise, resolve };
  endings.set(allocationId, ending);
  return ending;
}
