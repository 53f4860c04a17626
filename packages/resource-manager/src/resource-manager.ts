import { hostname } from 'node:os';
import {
  errorCode,
  errorMessage,
  RfaasError,
  systemClock,
  type Logger,
  type ResourceManagerConfig,
} from '@rfaas/core';
import type { TlsFiles } from '@rfaas/core/http';
import {
  announcedUrl,
  formatTransportUrl,
  openTransport,
  parseTransportUrl,
  type Listener,
  type Transport,
  type TransportUrl,
} from '@rfaas/rdmalib';
import type { NodeDescription } from './cluster/executor-registry.ts';
import { ClusterService, type NodeMessenger } from './cluster-service.ts';
import { HttpServer } from './http/http-server.ts';
import { createAuthenticator, trustEverybody } from './http/authenticator.ts';
import { ManagerMetrics } from './metrics/manager-metrics.ts';
import { ConnectionAcceptor } from './sessions/connection-acceptor.ts';
import type { Leadership } from './leadership/leadership.ts';
import { Office } from './leadership/office.ts';
import { readingsOf, ServedConsole } from './leadership/served-console.ts';

/** Everything that a resource manager is started with: configuration, and what was read from the files it names. */
export interface ResourceManagerOptions {
  readonly config: ResourceManagerConfig;
  readonly clusterKey: Uint8Array;
  /** The operator's token of the HTTP interface; `undefined` leaves it open. */
  readonly httpToken: string | undefined;
  /** `undefined`: plain HTTP. */
  readonly httpTls?: TlsFiles | undefined;
  /** Nodes that are known from the start. */
  readonly nodes: readonly NodeDescription[];
  readonly version: string;
  /** Where the state is, and who decides over it; closed with the resource manager. */
  readonly leadership: Leadership;
  readonly logger: Logger;
}

/** A running resource manager: nodes, leases and bills of one cluster. */
export class ResourceManager implements AsyncDisposable {
  /** Where clients and executor managers connect to, with the real port. */
  readonly url: string;
  /** Where the HTTP interface is, with the real port. */
  readonly httpUrl: string;
  readonly #parts: Parts;
  #closing: Promise<void> | undefined;

  private constructor(parts: Parts) {
    this.#parts = parts;
    this.url = parts.url;
    this.httpUrl = parts.http.url;
  }

  /**
   * Listens for connections and for HTTP, and leads the cluster or knows who does.
   *
   * @throws RfaasError `RFAAS_ERR_ADDRESS_IN_USE`, `RFAAS_ERR_CONFIGURATION`, `RFAAS_ERR_STORE`, or an RdmaError of the
   * transport
   */
  static async start(options: ResourceManagerOptions): Promise<ResourceManager> {
    const target = parseUrl(options.config.transport);
    const transport = openTransport(target);
    try {
      const listener = await listen(transport, target);
      return new ResourceManager(await startParts(options, transport, listener, target));
    } catch (error) {
      await transport.close();
      throw error;
    }
  }

  /** Stops listening, ends every connection and frees everything. Idempotent. */
  async close(): Promise<void> {
    this.#closing ??= closeParts(this.#parts);
    await this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

interface Parts {
  readonly url: string;
  readonly transport: Transport;
  readonly acceptor: ConnectionAcceptor;
  readonly accepting: Promise<void>;
  readonly http: HttpServer;
  readonly office: Office;
}

async function startParts(
  options: ResourceManagerOptions,
  transport: Transport,
  listener: Listener,
  target: TransportUrl,
): Promise<Parts> {
  const { config, clusterKey, logger } = options;
  const metrics = new ManagerMetrics();
  const office = new Office({
    leadership: options.leadership,
    takeUp: async (store) => ClusterService.open({ ...options, store, observer: metrics, messenger }),
    onEnd: async () => acceptor.endSessions(),
    logger,
  });
  const acceptor: ConnectionAcceptor = new ConnectionAcceptor({
    listener,
    clusterKey,
    name: config.name,
    nodeTimeoutMs: config.nodeTimeoutMs,
    peerTimeoutMs: config.peerTimeoutMs,
    logger,
    onAnswered: (request, seconds, code) => metrics.answered(request, seconds, code, performance.now()),
    serving: () => office.serving(),
  });
  const messenger = (node: string): NodeMessenger | undefined => acceptor.executor(node);
  const url = formatTransportUrl(announcedUrl(target, listener.address));
  try {
    const http = await startHttp(options, target, office, metrics);
    try {
      await office.open({ name: config.name, url, httpUrl: http.url });
      return { url, transport, acceptor, accepting: acceptor.run(), http, office };
    } catch (error) {
      await http.close();
      throw error;
    }
  } catch (error) {
    await office.close();
    throw error;
  }
}

async function startHttp(
  { config, clusterKey, httpToken, httpTls, version, logger }: ResourceManagerOptions,
  target: TransportUrl,
  office: Office,
  metrics: ManagerMetrics,
): Promise<HttpServer> {
  const isOpen = httpToken === undefined;
  const console = new ServedConsole(() => office.serving().desk);
  metrics.watch(
    readingsOf(() => office.service?.desk),
    () => office.service !== undefined,
  );
  return HttpServer.listen({
    address: config.httpAddress,
    port: config.httpPort,
    tls: httpTls,
    authenticate: isOpen ? trustEverybody : createAuthenticator({ operatorToken: httpToken, clusterKey }),
    hostNames: isOpen ? undefined : [hostname(), ...config.httpHostNames],
    requestsPerSecond: config.httpRequestsPerSecond,
    console,
    metrics,
    now: systemClock,
    steadyNow: () => performance.now(),
    version,
    drainGraceMs: config.drainGraceMs,
    nodeUrl: (address, port) => reachableUrl(target, address, port),
    unready: () => office.unready(),
    standing: () => ({ isLeader: office.service !== undefined, leader: office.leader }),
    logger: logger.child({ component: 'http' }),
  });
}

async function closeParts({ transport, acceptor, accepting, http, office }: Parts): Promise<void> {
  await http.close();
  try {
    // In front of the connections: that clients and nodes lose us is no event in the life of the cluster.
    await office.close();
  } finally {
    await acceptor.close();
    await accepting;
    await transport.close();
  }
}

function parseUrl(text: string): TransportUrl {
  try {
    return parseTransportUrl(text);
  } catch (error) {
    throw new RfaasError('RFAAS_ERR_CONFIGURATION', `configuration key "transport": ${errorMessage(error)}`, {
      cause: error,
    });
  }
}

async function listen(transport: Transport, target: TransportUrl): Promise<Listener> {
  const domain = transport.openProtectionDomain();
  try {
    return await domain.listen({ host: target.host, port: target.port });
  } catch (error) {
    throw new RfaasError(
      'RFAAS_ERR_ADDRESS_IN_USE',
      `cannot listen on ${formatTransportUrl(target)}: ${errorMessage(error)}; choose another port, or 0`,
      { cause: error, details: { cause: errorCode(error) } },
    );
  }
}

/** The URL of a node that was added by address and port: it is on the transport of this resource manager. */
function reachableUrl(own: TransportUrl, address: string, port: number): string {
  const isHere = address === '' || address === '127.0.0.1' || address === '::1' || address === 'localhost';
  if (own.kind === 'shm') {
    if (!isHere) {
      throw new RfaasError(
        'RFAAS_ERR_USAGE',
        `this cluster uses shared memory: a node at "${address}" is out of reach`,
      );
    }
    return formatTransportUrl(announcedUrl(own, { host: '', port }));
  }
  if (address === '') {
    throw new RfaasError(
      'RFAAS_ERR_USAGE',
      'ip_address is empty: only nodes on shared memory have no address',
    );
  }
  return formatTransportUrl(announcedUrl(own, { host: address, port }));
}
