import {
  authenticateServer,
  decodeConnectionData,
  deriveNodeKey,
  deriveTenantCredential,
  encodeRejection,
  errorFields,
  RfaasError,
  type ConnectionRole,
  type Logger,
} from '@rfaas/core';
import { MessageChannel, type ConnectionRequest, type Listener } from '@rfaas/rdmalib';
import type { Cluster } from '../cluster/cluster.ts';
import type { DurableRows } from '../store/durable-rows.ts';
import { serveClient } from './client-session.ts';
import { ExecutorSession } from './executor-session.ts';
import type { LeaseSigner } from './lease-signer.ts';
import { SessionChannel, type AnswerObserver } from './session-channel.ts';

/** What the acceptor serves connections with. */
export interface ConnectionAcceptorOptions {
  readonly listener: Listener;
  readonly clusterKey: Uint8Array;
  /** What the resource manager is called in handshakes. */
  readonly name: string;
  /** A node of which nothing is heard for this long is gone. */
  readonly nodeTimeoutMs: number;
  /** The same for clients, on transports that cross hosts; on one host a client may be busy for ever. */
  readonly peerTimeoutMs: number;
  readonly logger: Logger;
  readonly onAnswered?: AnswerObserver;
  /** What connections are served with now. @throws RfaasError that says why none is served */
  readonly serving: () => ServedCluster;
}

/** What connections are served with. */
export interface ServedCluster {
  readonly cluster: Cluster;
  readonly rows: DurableRows;
  readonly signer: LeaseSigner;
}

/** How long a peer may take to prove who it is: as long as clients wait by default, also when everybody comes at once. */
const handshakeMs = 10_000;

/** How long the answer to a release waits for the node's confirmation. */
const confirmationMs = 5000;

/** Connections at once, those that have proven nothing yet included; each holds some 100 KiB of registered memory. */
const maxConnections = 8192;

const servedRoles: readonly ConnectionRole[] = [
  'client-to-resource-manager',
  'executor-manager-to-resource-manager',
];

/** Accepts clients and executor managers, tells them apart by role, and keeps their sessions. */
export class ConnectionAcceptor {
  readonly #options: ConnectionAcceptorOptions;
  readonly #channels = new Set<MessageChannel>();
  readonly #executors = new Map<string, ExecutorSession>();
  readonly #running = new Set<Promise<void>>();
  #connections = 0;
  #accepted = 0;

  constructor(options: ConnectionAcceptorOptions) {
    this.#options = options;
  }

  /** Accepts until the listener is closed. */
  async run(): Promise<void> {
    for await (const request of this.#options.listener.requests()) {
      const work = this.#handle(request).finally(() => this.#running.delete(work));
      this.#running.add(work);
    }
  }

  /** The session of a connected node. */
  executor(name: string): ExecutorSession | undefined {
    return this.#executors.get(name);
  }

  /** Closes every connection that there is; others may come. Their sessions end by themselves. */
  async endSessions(): Promise<void> {
    this.#executors.clear();
    await Promise.all([...this.#channels].map((channel) => channel.close()));
  }

  /** Stops listening, closes every connection and waits until their sessions have ended. */
  async close(): Promise<void> {
    await this.#options.listener.close();
    await this.endSessions();
    await Promise.all(this.#running);
  }

  async #handle(request: ConnectionRequest): Promise<void> {
    const decoded = decodeConnectionData(request.privateData);
    const isServed = decoded.ok && servedRoles.includes(decoded.data.role);
    const peer = request.peer.host;
    if (!decoded.ok || !isServed || this.#connections >= maxConnections) {
      const reason = !decoded.ok ? decoded.reason : isServed ? 'busy' : 'role';
      this.#options.logger.warn('connection rejected', { peer, reason });
      await this.#attempt('connection not rejected', () => request.reject(encodeRejection(reason)));
      return;
    }
    this.#connections += 1;
    this.#accepted += 1;
    const logger = this.#options.logger.child({ connection: this.#accepted, peer });
    try {
      await this.#serve(request, decoded.data.role, this.#accepted, logger);
    } catch (error) {
      logger.warn('connection ended', errorFields(error));
    } finally {
      this.#connections -= 1;
    }
  }

  async #serve(
    request: ConnectionRequest,
    role: ConnectionRole,
    number: number,
    logger: Logger,
  ): Promise<void> {
    const channel = await MessageChannel.accept(request, { peerTimeoutMs: this.#peerTimeout(request, role) });
    this.#channels.add(channel);
    const session = new SessionChannel(channel, logger, this.#options.onAnswered);
    try {
      await this.#authenticated(channel, session, role, number, logger);
    } finally {
      this.#channels.delete(channel);
      await session.close();
    }
  }

  #peerTimeout(request: ConnectionRequest, role: ConnectionRole): number | undefined {
    const { nodeTimeoutMs, peerTimeoutMs } = this.#options;
    if (role === 'executor-manager-to-resource-manager') {
      return nodeTimeoutMs;
    }
    return request.domain.transport.capabilities.crossesHosts ? peerTimeoutMs : undefined;
  }

  async #authenticated(
    channel: MessageChannel,
    session: SessionChannel,
    role: ConnectionRole,
    number: number,
    logger: Logger,
  ): Promise<void> {
    const { clusterKey, name, nodeTimeoutMs, serving } = this.#options;
    const isClient = role === 'client-to-resource-manager';
    const peer = await authenticateServer(channel, {
      role,
      name,
      signal: AbortSignal.timeout(handshakeMs),
      keyFor: (claim) => {
        serving();
        if (claim.name === '') {
          throw new RfaasError('RFAAS_ERR_UNAUTHORISED', `a ${isClient ? 'tenant' : 'node'} needs a name`);
        }
        return (isClient ? deriveTenantCredential : deriveNodeKey)(clusterKey, claim.name);
      },
    });
    const served = serving();
    if (isClient) {
      const fields = logger.child({ tenant: peer.peerName });
      fields.info('client connected');
      await serveClient({
        channel: session,
        peer,
        ...served,
        owner: number,
        confirmationMs,
        logger: fields,
      });
      fields.info('client gone');
      return;
    }
    await this.#serveExecutor(
      new ExecutorSession({
        channel: session,
        name: peer.peerName,
        ...served,
        timeoutMs: nodeTimeoutMs,
        logger: logger.child({ node: peer.peerName }),
        onRegistered: (executor) => void this.#executors.set(executor.name, executor),
        isCurrent: (executor) => this.#executors.get(executor.name) === executor,
      }),
    );
  }

  async #serveExecutor(executor: ExecutorSession): Promise<void> {
    try {
      await executor.serve();
    } finally {
      // Only the session that is registered: one that was refused leaves the other alone.
      if (this.#executors.get(executor.name) === executor) {
        this.#executors.delete(executor.name);
      }
    }
  }

  async #attempt(failure: string, action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      this.#options.logger.debug(failure, errorFields(error));
    }
  }
}
