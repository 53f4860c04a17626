import {
  configFields,
  parseLabels,
  RfaasError,
  type LeaseHeld,
  type Logger,
  type MessageFields,
  type MessageOf,
  type OutgoingMessage,
} from '@rfaas/core';
import { parseTransportUrl } from '@rfaas/rdmalib';
import type { Cluster } from '../cluster/cluster.ts';
import type { DurableRows } from '../store/durable-rows.ts';
import type { SessionChannel } from './session-channel.ts';

const executorNews = ['lease-ended', 'usage-report', 'node-drain'] as const;

/** How long a node may take to take what it is told before its connection is closed. */
const dismissalMs = 1000;

/** Leases that a node may say that it holds. */
const maxHeld = 65_536;

/** What an executor manager's session works with. */
export interface ExecutorSessionOptions {
  readonly channel: SessionChannel;
  /** The name that the node has proven. */
  readonly name: string;
  readonly cluster: Cluster;
  readonly rows: Pick<DurableRows, 'settled'>;
  /** How long a node may take to register. */
  readonly timeoutMs: number;
  readonly logger: Logger;
  /** The node is registered: what it must be told goes through `session` from now on. */
  readonly onRegistered: (session: ExecutorSession) => void;
  /** Whether `session` is still the one that speaks for its node. */
  readonly isCurrent: (session: ExecutorSession) => boolean;
}

/** The connection of one executor manager. */
export class ExecutorSession {
  readonly #options: ExecutorSessionOptions;
  readonly #telling = new Set<Promise<void>>();
  readonly #reports = new Map<string, number>();
  #storing = false;

  constructor(options: ExecutorSessionOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  /** Registers the node and listens to it until it goes away. */
  async serve(): Promise<void> {
    const { channel, cluster, logger, name, isCurrent } = this.#options;
    const registration = await channel.receive(
      ['register-node'],
      AbortSignal.timeout(this.#options.timeoutMs),
    );
    if (registration === undefined) {
      return;
    }
    const held = await this.#receiveHeld(registration.held);
    await this.#register(registration, held);
    try {
      await this.#listen();
    } finally {
      if (isCurrent(this)) {
        cluster.nodeGone(name);
      }
      logger.info('node gone');
    }
  }

  /** Tells the node something. */
  async tell(message: OutgoingMessage): Promise<void> {
    const telling = this.#options.channel.send(message);
    this.#telling.add(telling);
    await telling.finally(() => this.#telling.delete(telling));
  }

  /** Ends the connection once the node has what it was told, or does not take it; `serve` returns. */
  async dismiss(): Promise<void> {
    const patience = AbortSignal.timeout(dismissalMs);
    const impatient = new Promise((resolve) => patience.addEventListener('abort', resolve, { once: true }));
    await Promise.race([Promise.all(this.#telling), impatient]);
    await this.#options.channel.close();
  }

  async #receiveHeld(count: number): Promise<readonly LeaseHeld[]> {
    if (count > maxHeld) {
      throw new RfaasError('RFAAS_ERR_PROTOCOL', `a node holds at most ${maxHeld} leases, not ${count}`);
    }
    const held: LeaseHeld[] = [];
    const signal = AbortSignal.timeout(this.#options.timeoutMs);
    while (held.length < count) {
      const lease = await this.#options.channel.receive(['lease-held'], signal);
      if (lease === undefined) {
        throw new RfaasError('RFAAS_ERR_CLOSED', 'the node went away while it registered');
      }
      held.push(lease);
    }
    return held;
  }

  async #register(registration: MessageOf<'register-node'>, held: readonly LeaseHeld[]): Promise<void> {
    const { channel, cluster, logger, rows, onRegistered } = this.#options;
    const { correlation } = registration;
    try {
      this.#check(registration);
      const { name, url, cores, memoryMiB, gpus, incarnation, labels } = registration;
      const oversubscription = registration.oversubscription / 100;
      const description = {
        name,
        url,
        cores,
        memoryMiB,
        gpus,
        labels: parseLabels(labels),
        oversubscription,
      };
      const { node, endings, graceMs } = cluster.register(description, incarnation, held);
      onRegistered(this);
      logger.info('node registered', { url, cores, memoryMiB, gpus, incarnation, held: held.length });
      await rows.settled();
      await channel.send({ kind: 'node-registered' }, correlation);
      for (const ending of endings) {
        await this.tell({ kind: 'lease-end', ...ending });
      }
      if (node.drain !== 'no') {
        await this.tell({ kind: 'node-drain', graceMs });
      }
    } catch (error) {
      await channel.refuse(error, correlation);
      throw error;
    }
  }

  #check(registration: MessageFields<'register-node'>): void {
    const { name, url, cores, memoryMiB, incarnation, oversubscription } = registration;
    if (name !== this.#options.name) {
      throw new RfaasError(
        'RFAAS_ERR_UNAUTHORISED',
        `node "${this.#options.name}" cannot register as "${name}": each node has a key of its own`,
      );
    }
    if (
      !configFields.coreCount.safeParse(cores).success ||
      !configFields.mebibytes.safeParse(memoryMiB).success
    ) {
      throw usage(`a node with ${cores} cores and ${memoryMiB} MiB cannot be leased`);
    }
    if (incarnation === 0n) {
      throw usage('an executor manager needs an incarnation other than 0');
    }
    if (oversubscription < 100 || oversubscription > 10_000) {
      throw usage(`a node is oversubscribed 100 to 10000 percent, not ${oversubscription}`);
    }
    try {
      parseTransportUrl(url);
    } catch (error) {
      throw new RfaasError('RFAAS_ERR_USAGE', `clients cannot reach a node at "${url}"`, { cause: error });
    }
  }

  async #listen(): Promise<void> {
    const { channel, cluster, logger, name } = this.#options;
    for (;;) {
      const news = await channel.receive(executorNews);
      if (news === undefined) {
        return;
      }
      switch (news.kind) {
        case 'lease-ended':
          cluster.leaseEnded(name, news.leaseId);
          break;
        case 'node-drain':
          logger.info('node is leaving', { graceMs: news.graceMs });
          cluster.drainNode(name, news.graceMs);
          break;
        case 'usage-report':
          this.#takeReport(news);
          break;
      }
    }
  }

  /** The node keeps its report until it is stored here; one that is no use any more is taken all the same. */
  #takeReport(report: MessageOf<'usage-report'>): void {
    const { cluster, logger, name } = this.#options;
    const { kind: _kind, correlation: _correlation, ...fields } = report;
    const outcome = cluster.report(name, fields);
    if (outcome === 'unknown-lease') {
      logger.warn('usage of a lease that is not known', { leaseId: report.leaseId });
    }
    this.#reports.set(report.allocationId, report.sequence);
    if (!this.#storing) {
      this.#storing = true;
      void this.#acknowledge();
    }
  }

  async #acknowledge(): Promise<void> {
    const { rows, logger, channel } = this.#options;
    try {
      while (this.#reports.size > 0) {
        const reports = [...this.#reports];
        this.#reports.clear();
        await rows.settled();
        for (const [allocationId, sequence] of reports) {
          await channel.send({ kind: 'usage-taken', allocationId, sequence });
        }
      }
    } catch (error) {
      // Not acknowledged, so the node sends them again with its next connection or its next report.
      logger.warn('usage not stored', { error: String(error) });
    } finally {
      this.#storing = false;
    }
  }
}

function usage(text: string): RfaasError {
  return new RfaasError('RFAAS_ERR_USAGE', text);
}
