import { randomBytes } from 'node:crypto';
import { formatLabels, monotonicNanoseconds, RfaasError, systemClock } from '@rfaas/core';
import type { ConnectionData, Environment, Logger, LogLevel, NodeLabels, RejectionReason } from '@rfaas/core';
import {
  announcedUrl,
  formatTransportUrl,
  MessageChannel,
  openTransport,
  parseTransportUrl,
  RdmaError,
} from '@rfaas/rdmalib';
import type { ConnectionRequest, Listener, ProtectionDomain, Transport } from '@rfaas/rdmalib';
import { AllocationTable } from './allocation-table.ts';
import type { ExecutorSettings } from './allocation-table.ts';
import type { BillCollector } from './bill-collector.ts';
import type { NodeCapacity } from './claims.ts';
import { ClientSession } from './client-session.ts';
import { acceptConnections } from './connection-acceptor.ts';
import { ProcessLauncher } from './launchers/process-launcher.ts';
import type { ProcessorAffinity } from './launchers/processor-affinity.ts';
import { LogBills } from './log-bills.ts';
import type { NodeMetrics } from './metrics/node-metrics.ts';
import { ResourceManagerLink } from './resource-manager-link.ts';
import { oversubscribed } from './topology/choose-processors.ts';

/** How often running allocations are reported. */
const reportIntervalMs = 1000;
/** How long the first registration may take before the manager gives up. */
const registrationTimeoutMs = 10_000;
/** Connections beyond this are told to come back later. */
const mostClients = 4096;

/** What an executor manager is started with. */
export interface ExecutorManagerOptions {
  /** Where to listen; port 0: chosen by the system. */
  readonly listenUrl: string;
  readonly nodeName: string;
  readonly nodeKey: Uint8Array;
  readonly capacity: NodeCapacity;
  readonly gpus: number;
  readonly labels: NodeLabels;
  /** Cores to lease out for each core of `capacity`. */
  readonly oversubscription: number;
  /** One URL, or several with commas between them. Undefined: this node works alone, and clients sign their own leases. */
  readonly resourceManagerUrl: string | undefined;
  /** A resource manager, or a peer on another host, of which nothing is heard for this long is gone. */
  readonly peerTimeoutMs: number;
  readonly executor: ExecutorSettings;
  readonly metrics: NodeMetrics;
  readonly affinity: ProcessorAffinity;
  readonly environment: Environment;
  readonly logger: Logger;
  readonly logLevel: LogLevel;
  /** Gives up starting. */
  readonly signal?: AbortSignal;
}

/** One worker node: takes clients, checks their leases, and runs their executors. */
export class ExecutorManager implements AsyncDisposable {
  /** Where clients connect to, with the real port. */
  readonly url: string;
  /** Rejects if the resource manager refuses this node for good; never resolves. */
  readonly failed: Promise<never>;
  /** The same for executors of this node, which share its options. */
  readonly #ownUrl: string;
  readonly #options: ExecutorManagerOptions;
  readonly #transport: Transport;
  readonly #listener: Listener;
  readonly #table: AllocationTable;
  readonly #link: ResourceManagerLink | undefined;
  readonly #logBills: LogBills;
  readonly #sessions = new Set<ClientSession>();
  readonly #incarnation = BigInt(`0x${randomBytes(8).toString('hex')}`) | 1n;
  readonly #reporting: NodeJS.Timeout;
  #stopped: Promise<void> | undefined;

  private constructor(
    options: ExecutorManagerOptions,
    transport: Transport,
    domain: ProtectionDomain,
    listener: Listener,
  ) {
    this.#options = options;
    this.#transport = transport;
    this.#listener = listener;
    const url = parseTransportUrl(options.listenUrl);
    this.url = formatTransportUrl(announcedUrl(url, listener.address));
    this.#ownUrl = formatTransportUrl({ ...url, ...listener.address });
    this.#link = this.#openLink();
    this.failed = this.#link?.failed ?? new Promise<never>(() => undefined);
    this.#logBills = new LogBills(options.logger);
    this.#table = this.#openTable(domain, this.#link ?? this.#logBills);
    options.metrics.watch(() => this.#table.occupancy());
    this.#reporting = setInterval(() => this.#table.reportUsage(), reportIntervalMs);
    void acceptConnections(
      listener,
      {
        client: async (request) => this.#takeClient(request),
        executor: async (request, data) => this.#takeExecutor(request, data, false),
        executorThread: async (request, data) => this.#takeExecutor(request, data, true),
      },
      options.logger,
    );
  }

  /**
   * Listens and, where there is a resource manager, registers. Rejects with RfaasError when the address is taken, and when
   * the resource manager refuses this node or cannot be reached.
   */
  static async start(options: ExecutorManagerOptions): Promise<ExecutorManager> {
    const url = parseTransportUrl(options.listenUrl);
    const transport = openTransport(url);
    let manager: ExecutorManager | undefined;
    try {
      const domain = transport.openProtectionDomain();
      const listener = await listen(domain, options.listenUrl);
      manager = new ExecutorManager(options, transport, domain, listener);
      await manager.#awaitRegistration();
      manager.#table.prewarm();
      return manager;
    } catch (error) {
      await (manager?.stop() ?? transport.close());
      throw error;
    }
  }

  /**
   * Takes no new allocations, warns clients and tells the resource manager; resolves when nothing runs any more, which is
   * ended after `graceMs`.
   */
  async drain(graceMs: number): Promise<void> {
    (this.#link ?? this.#logBills).nodeLeaves(graceMs);
    this.#table.drain(graceMs);
    await this.#table.idle();
  }

  /** Ends all executors, tells their clients and the resource manager, and closes. Idempotent. */
  async stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stop(): Promise<void> {
    clearInterval(this.#reporting);
    await this.#listener.close();
    await this.#table.stop();
    await this.#link?.close();
    await Promise.all([...this.#sessions].map(async (session) => session.close()));
    await this.#transport.close();
  }

  async #awaitRegistration(): Promise<void> {
    const link = this.#link;
    if (link === undefined) {
      return;
    }
    const { resourceManagerUrl, signal } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        const { lastError } = link;
        const reason = lastError instanceof Error ? `: ${lastError.message}` : '';
        reject(
          new RfaasError(
            'RFAAS_ERR_MANAGER_LOST',
            `no resource manager at ${resourceManagerUrl} for ${registrationTimeoutMs} ms${reason} ` +
              '(--skip-resource-manager runs this node without one)',
          ),
        );
      }, registrationTimeoutMs);
      signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
    try {
      await Promise.race([link.registered, tooLate]);
    } finally {
      clearTimeout(timer);
    }
  }

  #openLink(): ResourceManagerLink | undefined {
    const { resourceManagerUrl, nodeKey, nodeName, capacity, gpus, labels, peerTimeoutMs, logger } =
      this.#options;
    if (resourceManagerUrl === undefined) {
      return undefined;
    }
    return new ResourceManagerLink({
      urls: resourceManagerUrl.split(','),
      nodeKey,
      registration: {
        name: nodeName,
        url: this.url,
        cores: capacity.cpus.length,
        memoryMiB: capacity.memoryMiB,
        gpus,
        incarnation: this.#incarnation,
        labels: formatLabels(labels),
        oversubscription: Math.round(100 * this.#options.oversubscription),
      },
      held: () => this.#table.held(),
      peerTimeoutMs,
      logger: logger.child({ component: 'resource-manager-link' }),
      onLeaseEnd: (leaseId, reason) => this.#table.endLease(leaseId, reason),
      onDrain: (graceMs) => this.#table.drain(graceMs),
      onResume: () => this.#table.resume(),
    });
  }

  /** What may be silent for ever: a process of this host, whose end is always noticed. */
  get #hostTimeoutMs(): number | undefined {
    return this.#transport.capabilities.crossesHosts ? this.#options.peerTimeoutMs : undefined;
  }

  #openTable(domain: ProtectionDomain, bills: BillCollector): AllocationTable {
    const { executor, peerTimeoutMs, affinity, environment, logger, logLevel, oversubscription } =
      this.#options;
    const { cpus, topology } = this.#options.capacity;
    const available = affinity.processors();
    return new AllocationTable({
      capacity: {
        ...this.#options.capacity,
        cpus: oversubscribed(cpus, oversubscription, { available, topology }),
      },
      backgroundCpus: available,
      executor,
      managerUrl: this.#ownUrl,
      peerTimeoutMs,
      domain,
      launcher: new ProcessLauncher({ affinity, environment, logger }),
      bills,
      observer: this.#options.metrics,
      logger,
      logLevel,
      now: systemClock,
      monotonicNow: monotonicNanoseconds,
      onWarning: (leaseId, expiry, reason) => {
        for (const session of this.#sessions) {
          session.warn(leaseId, expiry, reason);
        }
      },
    });
  }

  async #takeClient(request: ConnectionRequest): Promise<RejectionReason | undefined> {
    if (this.#sessions.size >= mostClients) {
      return 'busy';
    }
    const { nodeName, nodeKey, metrics, logger } = this.#options;
    const channel = await MessageChannel.accept(request, { peerTimeoutMs: this.#hostTimeoutMs });
    const session = new ClientSession(
      {
        nodeName,
        nodeKey,
        incarnation: this.#incarnation,
        logger,
        now: systemClock,
        refused: (code) => metrics.refused(code),
        allocate: (lease, allocate, now) => this.#table.start(lease, allocate, now),
        renew: (lease, now) => this.#table.renew(lease, now),
      },
      channel,
    );
    this.#sessions.add(session);
    void session.run().finally(() => this.#sessions.delete(session));
    return undefined;
  }

  async #takeExecutor(
    request: ConnectionRequest,
    data: ConnectionData,
    isThread: boolean,
  ): Promise<RejectionReason | undefined> {
    const executor = this.#table.find(data.id, data.secret);
    if (executor === undefined) {
      return 'unauthorised';
    }
    const taken = isThread ? executor.takeThread(request, data.threadIndex) : executor.takeControl(request);
    return (await taken) ? undefined : 'busy';
  }
}

async function listen(domain: ProtectionDomain, url: string): Promise<Listener> {
  const { host, port } = parseTransportUrl(url);
  try {
    return await domain.listen({ host, port });
  } catch (error) {
    if (error instanceof RdmaError) {
      throw new RfaasError(
        'RFAAS_ERR_ADDRESS_IN_USE',
        `cannot listen on ${url}: ${error.message}; end what listens there, or take another port (0: the system chooses)`,
        { cause: error },
      );
    }
    throw error;
  }
}
