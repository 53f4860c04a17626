import { setTimeout as delay } from 'node:timers/promises';
import { RfaasError } from '@rfaas/core';
import {
  Client,
  credentials,
  Metadata,
  type ChannelCredentials,
  type ClientDuplexStream,
} from '@grpc/grpc-js';
import { etcdError, isPassing, isTokenOver } from './etcd-errors.ts';
import {
  etcdMethods,
  type EtcdCondition,
  type EtcdMethod,
  type EtcdMethodDefinition,
  type EtcdOperation,
  type EtcdRange,
  type EtcdTransactionResult,
} from './etcd-protocol.ts';

/** How etcd is reached. */
export interface EtcdClientOptions {
  /** Addresses of its members: `http://10.0.0.1:2379`, or `https://` for all. */
  readonly endpoints: readonly string[];
  readonly tls?: EtcdTls | undefined;
  readonly user?: { readonly name: string; readonly password: string } | undefined;
  /** How long a request may take over all members. */
  readonly timeoutMs: number;
}

/** Certificates in PEM; what is missing: those that the system trusts, and none of our own. */
export interface EtcdTls {
  readonly ca?: Buffer | undefined;
  readonly cert?: Buffer | undefined;
  readonly key?: Buffer | undefined;
}

type DuplexStream = ClientDuplexStream<object, object>;

/** How long to wait once no member has taken a request. */
const roundDelayMs = 50;

/** The shortest time that a member is given while there are others. */
const shortestAttemptMs = 500;

/** etcd's API v3 over gRPC: requests go to one member, and to the next one when it does not answer. */
export class EtcdClient {
  readonly endpoints: readonly string[];
  readonly #options: EtcdClientOptions;
  readonly #methods = etcdMethods();
  readonly #clients: readonly Client[];
  #turn = 0;
  #token: Promise<string> | undefined;

  /** Connects with the first request. @throws RfaasError `RFAAS_ERR_CONFIGURATION` for addresses that are none */
  constructor(options: EtcdClientOptions) {
    this.#options = options;
    this.endpoints = options.endpoints;
    const trust = channelCredentials(options.tls ?? {});
    this.#clients = options.endpoints.map((endpoint) => {
      const { protocol, host } = parseEndpoint(endpoint);
      return new Client(host, protocol === 'https:' ? trust : credentials.createInsecure(), {
        'grpc.max_receive_message_length': -1,
        'grpc.initial_reconnect_backoff_ms': 100,
        'grpc.max_reconnect_backoff_ms': 1000,
        // A member whose host is gone gives no event.
        'grpc.keepalive_time_ms': 10_000,
        'grpc.keepalive_timeout_ms': 3000,
      });
    });
  }

  /** The keys from `key` up to `end`, at most `limit` (0: all); without `end` that key alone. */
  async range(key: string, end?: string, more: object = {}): Promise<EtcdRange> {
    const request = { key: bytes(key), ...(end === undefined ? {} : { range_end: bytes(end) }), ...more };
    return (await this.#request('KV/Range', request)) as EtcdRange;
  }

  /**
   * Does `success` if all conditions hold, else `failure`. May be done twice, or after it was given up: conditions have to
   * rule that out where it matters.
   */
  async transaction(
    conditions: readonly EtcdCondition[],
    success: readonly EtcdOperation[],
    failure: readonly EtcdOperation[] = [],
    timeoutMs?: number,
  ): Promise<EtcdTransactionResult> {
    const compare = conditions.map(({ key, is, revision }) => ({
      target: is === 'created' ? 1 : 2,
      key: bytes(key),
      [is === 'created' ? 'create_revision' : 'mod_revision']: revision,
    }));
    const request = { compare, success: success.map(encoded), failure: failure.map(encoded) };
    return (await this.#request('KV/Txn', request, timeoutMs)) as EtcdTransactionResult;
  }

  /** A lease of so many seconds; its identifier, and the seconds that etcd has made of it. */
  async grantLease(seconds: number): Promise<{ readonly id: string; readonly seconds: number }> {
    const answer = (await this.#request('Lease/LeaseGrant', { TTL: seconds })) as { ID: string; TTL: string };
    return { id: answer.ID, seconds: Number(answer.TTL) };
  }

  /** The keys of a lease go with it. One that is not there is no error. */
  async revokeLease(id: string, timeoutMs?: number): Promise<void> {
    try {
      await this.#request('Lease/LeaseRevoke', { ID: id }, timeoutMs);
    } catch (error) {
      if (!/lease not found/.test(String(error))) throw error;
    }
  }

  /** Has a lease go on; the seconds that are left now, 0 if it is over. */
  async keepAlive(id: string, timeoutMs: number): Promise<number> {
    const answer = (await this.#request('Lease/LeaseKeepAlive', { ID: id }, timeoutMs)) as { TTL: string };
    return Number(answer.TTL);
  }

  /** Forgets what keys were before a revision. */
  async compact(revision: string): Promise<void> {
    await this.#request('KV/Compact', { revision });
  }

  /** Resolves when a key was removed after `revision`, when that may have been missed, or when the signal fires. */
  async removed(key: string, revision: string, signal: AbortSignal): Promise<void> {
    const { client } = this.#member();
    const stream = this.#open(client, 'Watch/Watch', await this.#metadata(client, { hasleader: 'true' }));
    const stop = (): void => stream.cancel();
    signal.addEventListener('abort', stop, { once: true });
    try {
      stream.write({ create_request: { key: bytes(key), start_revision: revision } });
      for await (const answer of stream) {
        const { canceled, events } = answer as { canceled: boolean; events: readonly { type: number }[] };
        if (canceled || events.some(({ type }) => type === 1)) return;
      }
    } catch (error) {
      // Whoever watches looks again: at another member, if this one is gone.
      if (!signal.aborted && isPassing(error)) this.#turn += 1;
      else if (!signal.aborted) throw etcdError(this.endpoints, 'Watch/Watch', error);
    } finally {
      signal.removeEventListener('abort', stop);
      stream.cancel();
    }
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }

  async #request(method: EtcdMethod, request: object, timeoutMs = this.#options.timeoutMs): Promise<object> {
    const deadline = performance.now() + timeoutMs;
    const share = Math.max(shortestAttemptMs, timeoutMs / this.endpoints.length);
    for (let attempt = 1; ; attempt += 1) {
      const turn = this.#turn;
      const { client } = this.#member();
      const left = deadline - performance.now();
      try {
        return await this.#attempt(client, method, request, Math.max(1, Math.min(left, share)));
      } catch (error) {
        if (isTokenOver(error) && this.#options.user !== undefined && attempt <= 2) {
          this.#token = undefined;
          continue;
        }
        if (!isPassing(error) || performance.now() >= deadline - roundDelayMs) {
          throw etcdError(this.endpoints, method, error);
        }
        // Another request may have found out in the meantime.
        if (this.#turn === turn) this.#turn += 1;
        if (attempt % this.endpoints.length === 0) await delay(roundDelayMs);
      }
    }
  }

  async #attempt(client: Client, method: EtcdMethod, request: object, timeoutMs: number): Promise<object> {
    const metadata = await this.#metadata(client);
    const deadline = Date.now() + timeoutMs;
    if (method === 'Lease/LeaseKeepAlive') {
      return firstAnswer(this.#open(client, method, metadata, deadline), request);
    }
    return unaryCall(client, this.#definition(method), request, metadata, deadline);
  }

  #open(client: Client, method: EtcdMethod, metadata: Metadata, deadline?: number): DuplexStream {
    const { path, requestSerialize, responseDeserialize } = this.#definition(method);
    const options = deadline === undefined ? {} : { deadline };
    return client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata, options);
  }

  #definition(method: EtcdMethod): EtcdMethodDefinition {
    return this.#methods.get(method)!;
  }

  #member(): { readonly client: Client } {
    return { client: this.#clients[this.#turn % this.#clients.length]! };
  }

  async #metadata(client: Client, fields: Readonly<Record<string, string>> = {}): Promise<Metadata> {
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(fields)) metadata.set(name, value);
    const { user } = this.#options;
    if (user !== undefined) {
      this.#token ??= this.#authenticate(client, user);
      try {
        metadata.set('token', await this.#token);
      } catch (error) {
        this.#token = undefined;
        throw error;
      }
    }
    return metadata;
  }

  async #authenticate(client: Client, user: { name: string; password: string }): Promise<string> {
    const deadline = Date.now() + this.#options.timeoutMs;
    const definition = this.#definition('Auth/Authenticate');
    const answer = await unaryCall(client, definition, user, new Metadata(), deadline);
    return (answer as { token: string }).token;
  }
}

function unaryCall(
  client: Client,
  { path, requestSerialize, responseDeserialize }: EtcdMethodDefinition,
  request: object,
  metadata: Metadata,
  deadline: number,
): Promise<object> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadata,
      { deadline },
      (error, answer) => {
        if (error === null && answer !== undefined) resolve(answer);
        else reject(error ?? new Error('no answer'));
      },
    );
  });
}

/** One question and one answer over a method that could carry many. */
async function firstAnswer(stream: DuplexStream, request: object): Promise<object> {
  try {
    stream.write(request);
    for await (const answer of stream) return answer as object;
    throw new Error('the stream ended without an answer');
  } finally {
    stream.cancel();
  }
}

function encoded(operation: EtcdOperation): object {
  const [[kind, request]] = Object.entries(operation) as [[string, { readonly key: string }]];
  return { [kind]: { ...request, key: bytes(request.key) } };
}

function bytes(text: string): Buffer {
  return Buffer.from(text);
}

function channelCredentials({ ca, cert, key }: EtcdTls): ChannelCredentials {
  try {
    return credentials.createSsl(ca ?? null, key ?? null, cert ?? null);
  } catch (error) {
    throw new RfaasError('RFAAS_ERR_CONFIGURATION', `etcd: certificates cannot be used: ${String(error)}`, {
      cause: error,
    });
  }
}

function parseEndpoint(endpoint: string): URL {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.pathname !== '/') {
    const text = `"${endpoint}" is no address of an etcd member, such as http://10.0.0.1:2379`;
    throw new RfaasError('RFAAS_ERR_CONFIGURATION', text);
  }
  return url;
}
