import { firstPlace, RfaasError, type MessageKind, type MessageOf, type OutgoingMessage } from '@rfaas/core';
import { setTimeout as delay } from 'node:timers/promises';
import { ControlConnection, type RequestOptions } from './control-connection.ts';
import { abortError, timeLimit, type TimeLimit } from './time-limit.ts';

const FIRST_BACKOFF_MS = 20;
const LONGEST_BACKOFF_MS = 1000;
/** Where there are several managers another one may serve already: it is looked for more often. */
const LONGEST_BACKOFF_OF_SEVERAL_MS = 500;
/** How long one attempt at one address may take. */
const ATTEMPT_MS = 3000;
/** A manager of which nothing is heard for this long is left for another one, where there are several. */
const SILENCE_OF_SEVERAL_MS = 3000;

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
  /** Why no manager takes us, while that is so. */
  #refusal: RfaasError | undefined;
  #current: ControlConnection | undefined;
  #connection: Promise<ControlConnection>;

  private constructor(options: ManagerLinkOptions, connection: ControlConnection, onReconnected: () => void) {
    this.#options = options;
    this.#onReconnected = onReconnected;
    this.#connection = Promise.resolve(connection);
    this.#watch(connection);
  }

  /**
   * Connects to the first one that serves. `onReconnected` is called whenever that has happened again. Throws RfaasError
   * when none answers; where there are several, they may be about to agree on one, so that is waited for.
   */
  static async connect(options: ManagerLinkOptions, onReconnected: () => void): Promise<ManagerLink> {
    const { urls, timeoutMs, signal } = options;
    if (urls.length === 1) {
      try {
        const connection = await connectTo(options, urls[0]!, timeoutMs, signal);
        return new ManagerLink(options, connection, onReconnected);
      } catch (error) {
        // Started a moment ago, it may be about to lead.
        if (!isRefusedByStandby(error)) throw error;
      }
    }
    using limit = timeLimit(`connecting to a resource manager (${urls.join(', ')})`, timeoutMs, signal);
    let refusal: RfaasError | undefined;
    try {
      const connection = await connectToAny(options, urls, limit.signal, (error) => (refusal = error));
      return new ManagerLink(options, connection, onReconnected);
    } catch (error) {
      throw isDeadline(limit) ? noManager(refusal) : error;
    }
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
        const connection = await Promise.race([this.#connection, limit.passed, this.#absent(patience)]);
        const answer = await connection.request(message, kind, { ...options, signal: limit.signal });
        return { message: answer, connection };
      } catch (error) {
        if (limit.signal.aborted)
          throw isDeadline(limit) ? this.#absence(limit, lost) : abortError(limit.signal);
        if (this.#closing.signal.aborted || !isLost(error)) throw error;
        if (patience.aborted) throw this.#refusal ?? lost ?? error;
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
  #absence(limit: TimeLimit, lost: RfaasError | undefined): RfaasError {
    if (lost !== undefined) return this.#refusal === undefined ? lost : noManager(this.#refusal);
    return this.#current === undefined ? noManager(this.#refusal) : abortError(limit.signal);
  }

  /** Rejects when the patience with which a manager is waited for is over. */
  #absent(patience: AbortSignal): Promise<never> {
    const passed = new Promise<never>((_resolve, reject) => {
      const fail = (): void => reject(noManager(this.#refusal));
      if (patience.aborted) fail();
      else patience.addEventListener('abort', fail, { once: true });
    });
    passed.catch(() => undefined);
    return passed;
  }

  #watch(connection: ControlConnection): void {
    this.#current = connection;
    void connection.ended.then(async () => {
      this.#current = undefined;
      if (!this.#closing.signal.aborted) this.#reconnect(connection.url);
      await connection.close();
    });
  }

  /** Begins with the managers that are not the one that was lost. */
  #reconnect(lost: string): void {
    const { urls } = this.#options;
    const places = [...urls.filter((url) => url !== lost), ...urls.filter((url) => url === lost)];
    const { signal } = this.#closing;
    this.#connection = connectToAny(this.#options, places, signal, (error) => (this.#refusal = error));
    this.#connection.then(
      (connection) => {
        this.#refusal = undefined;
        this.#watch(connection);
        this.#onReconnected();
      },
      // Closing the link, or an error that stays, ends the attempts: requests are answered with it.
      () => undefined,
    );
  }
}

function connectToAny(
  options: ManagerLinkOptions,
  places: readonly string[],
  signal: AbortSignal,
  onRefusal: (error: RfaasError) => void,
): Promise<ControlConnection> {
  return firstPlace({
    places,
    attempt: (url, over) => connectTo(options, url, ATTEMPT_MS, over),
    discard: (connection) => connection.close(),
    isFinal: (error) => !isLost(error),
    // What a manager says tells more than that another one is not there.
    onFailure: (error) => {
      if (isRefusedByStandby(error)) onRefusal(error);
    },
    firstBackoffMs: FIRST_BACKOFF_MS,
    longestBackoffMs: places.length > 1 ? LONGEST_BACKOFF_OF_SEVERAL_MS : LONGEST_BACKOFF_MS,
    signal,
  });
}

async function connectTo(
  { urls, tenant, credential, peerTimeoutMs }: ManagerLinkOptions,
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
    ...(urls.length > 1
      ? { peerTimeoutMs: Math.min(peerTimeoutMs, SILENCE_OF_SEVERAL_MS), watchesHost: true }
      : { peerTimeoutMs }),
    signal,
    // It says nothing unasked that a client needs: ends of leases are heard from their nodes.
    onNotification: () => undefined,
  });
}

function noManager(refusal?: RfaasError): RfaasError {
  const why = refusal === undefined ? 'is one running?' : refusal.message;
  return new RfaasError('RFAAS_ERR_MANAGER_LOST', `no resource manager of the cluster serves: ${why}`, {
    cause: refusal,
  });
}

function isDeadline({ signal }: TimeLimit): boolean {
  return abortError(signal).code === 'RFAAS_ERR_DEADLINE';
}

function isRefusedByStandby(error: unknown): error is RfaasError {
  return error instanceof RfaasError && error.code === 'RFAAS_ERR_NOT_LEADER';
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
