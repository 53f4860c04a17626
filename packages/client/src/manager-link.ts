import { RfaasError, type MessageKind, type MessageOf, type OutgoingMessage } from '@rfaas/core';
import { setTimeout as delay } from 'node:timers/promises';
import { ControlConnection, type RequestOptions } from './control-connection.ts';
import { abortError, timeLimit, type TimeLimit } from './time-limit.ts';

const FIRST_BACKOFF_MS = 20;
const LONGEST_BACKOFF_MS = 1000;
/** How long one address may take before the next one is tried. */
const ATTEMPT_MS = 3000;

/** How to reach the resource managers of a cluster as a tenant. */
export interface ManagerLinkOptions {
  /** One of them serves. */
  readonly urls: readonly string[];
  readonly tenant: string;
  readonly credential: Uint8Array;
  readonly timeoutMs: number;
  /** A manager on another host of which nothing is heard for this long is lost. */
  readonly peerTimeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** An answer and the connection it came over, whose session key opens what is sealed in it. */
export interface LinkAnswer<K extends MessageKind> {
  readonly message: MessageOf<K>;
  readonly connection: ControlConnection;
}

/**
 * The connection to whichever resource manager serves: when it breaks, the others are tried, and requests that were not
 * answered are sent again. Every request that goes through here may be sent twice.
 */
export class ManagerLink {
  readonly #options: ManagerLinkOptions;
  readonly #onReconnected: () => void;
  readonly #closing = new AbortController();
  #turn = 0;
  #current: ControlConnection | undefined;
  #connection: Promise<ControlConnection>;

  private constructor(options: ManagerLinkOptions, connection: ControlConnection, onReconnected: () => void) {
    this.#options = options;
    this.#onReconnected = onReconnected;
    this.#connection = Promise.resolve(connection);
    this.#turn = options.urls.indexOf(connection.url);
    this.#watch(connection);
  }

  /**
   * Connects to the first one that serves. `onReconnected` is called whenever that has happened again. Throws RfaasError
   * when none answers; where there are several, they may be about to agree on one, so that is waited for.
   */
  static async connect(options: ManagerLinkOptions, onReconnected: () => void): Promise<ManagerLink> {
    const { urls, timeoutMs, signal } = options;
    if (urls.length === 1) {
      return new ManagerLink(options, await connectTo(options, urls[0]!, timeoutMs, signal), onReconnected);
    }
    using limit = timeLimit(`connecting to a resource manager (${urls.join(', ')})`, timeoutMs, signal);
    const connection = await connectToAny(options, 0, limit);
    return new ManagerLink(options, connection, onReconnected);
  }

  /**
   * Sends a request and waits for its answer, over as many connections as it takes. `patienceMs`: how long to wait for a
   * resource manager while none is there; default as long as for the answer.
   */
  async request<K extends MessageKind>(
    message: OutgoingMessage,
    kind: K,
    options: RequestOptions & { readonly patienceMs?: number },
  ): Promise<LinkAnswer<K>> {
    using limit = timeLimit(`${message.kind} at the resource manager`, options.timeoutMs, options.signal);
    const patience = AbortSignal.timeout(options.patienceMs ?? options.timeoutMs);
    let lost: RfaasError | undefined;
    for (;;) {
      try {
        const connection = await Promise.race([this.#connection, limit.passed, aborted(patience)]);
        const answer = await connection.request(message, kind, { ...options, signal: limit.signal });
        return { message: answer, connection };
      } catch (error) {
        if (limit.signal.aborted)
          throw isDeadline(limit) ? (lost ?? this.#absence(limit)) : abortError(limit.signal);
        if (this.#closing.signal.aborted || !isLost(error)) throw error;
        if (patience.aborted) throw lost ?? error;
        lost = error;
        // The end of the connection is noticed by `#watch`, which connects again; it may come a moment later.
        await delay(FIRST_BACKOFF_MS);
      }
    }
  }

  /** Sends a message that is not answered, if there is a connection; it would be of no use on another one. */
  async send(message: OutgoingMessage): Promise<void> {
    await this.#current?.send(message);
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort(new RfaasError('RFAAS_ERR_CLOSED', 'the client was closed; connect a new one'));
    const connection = await this.#connection.catch(() => undefined);
    await connection?.close();
  }

  /** Why there was no answer in time. */
  #absence(limit: TimeLimit): RfaasError {
    return this.#current === undefined ? noManager() : abortError(limit.signal);
  }

  #watch(connection: ControlConnection): void {
    this.#current = connection;
    void connection.ended.then(async () => {
      this.#current = undefined;
      await connection.close();
      if (!this.#closing.signal.aborted) this.#reconnect();
    });
  }

  #reconnect(): void {
    const { signal } = this.#closing;
    const passed = new Promise<never>((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
    passed.catch(() => undefined);
    const first = this.#turn + 1;
    this.#connection = connectToAny(this.#options, first, { signal, passed });
    this.#connection.then(
      (connection) => {
        this.#turn = this.#options.urls.indexOf(connection.url);
        this.#watch(connection);
        this.#onReconnected();
      },
      // Only closing the link ends the attempts.
      () => undefined,
    );
  }
}

async function connectToAny(
  options: ManagerLinkOptions,
  first: number,
  limit: Omit<TimeLimit, typeof Symbol.dispose>,
): Promise<ControlConnection> {
  const { urls } = options;
  let backoffMs = FIRST_BACKOFF_MS;
  let lost: RfaasError | undefined;
  for (let turn = first; ; turn += 1) {
    try {
      return await connectTo(options, urls[turn % urls.length]!, ATTEMPT_MS, limit.signal);
    } catch (error) {
      if (limit.signal.aborted) throw lost ?? abortError(limit.signal);
      if (!isLost(error)) throw error;
      lost = error;
    }
    if ((turn + 1 - first) % urls.length === 0) {
      await Promise.race([delay(backoffMs, undefined, { ref: true }), limit.passed.catch(() => undefined)]);
      backoffMs = Math.min(2 * backoffMs, LONGEST_BACKOFF_MS);
    }
  }
}

async function connectTo(
  { tenant, credential, peerTimeoutMs }: ManagerLinkOptions,
  url: string,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<ControlConnection> {
  return ControlConnection.connect({
    url,
    what: 'resource manager',
    role: 'client-to-resource-manager',
    name: tenant,
    key: credential,
    timeoutMs,
    peerTimeoutMs,
    signal,
    // It says nothing unasked that a client needs: ends of leases are heard from their nodes.
    onNotification: () => undefined,
  });
}

/** Rejects when the signal fires. */
function aborted(signal: AbortSignal): Promise<never> {
  const passed = new Promise<never>((_resolve, reject) => {
    const fail = (): void => reject(noManager());
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true });
  });
  passed.catch(() => undefined);
  return passed;
}

function noManager(): RfaasError {
  return new RfaasError(
    'RFAAS_ERR_MANAGER_LOST',
    'no resource manager of the cluster is there; is one running?',
  );
}

function isDeadline({ signal }: TimeLimit): boolean {
  return abortError(signal).code === 'RFAAS_ERR_DEADLINE';
}

/** Whether another connection may help. */
function isLost(error: unknown): error is RfaasError {
  return (
    error instanceof RfaasError &&
    ['RFAAS_ERR_MANAGER_LOST', 'RFAAS_ERR_NOT_LEADER', 'RFAAS_ERR_CLOSED', 'RFAAS_ERR_DEADLINE'].includes(
      error.code,
    )
  );
}
