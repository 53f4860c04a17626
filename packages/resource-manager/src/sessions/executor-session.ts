import {
  configFields,
  RfaasError,
  type LeaseEndReason,
  type Logger,
  type MessageFields,
  type MessageOf,
} from '@rfaas/core';
import { parseTransportUrl } from '@rfaas/rdmalib';
import type { Cluster } from '../cluster/cluster.ts';
import type { SessionChannel } from './session-channel.ts';

const executorNews = ['lease-ended', 'usage-report'] as const;

/** How long a node may take to take what it is told before its connection is closed. */
const dismissalMs = 1000;

/** What an executor manager's session works with. */
export interface ExecutorSessionOptions {
  readonly channel: SessionChannel;
  /** The name that the node has proven. */
  readonly name: string;
  readonly cluster: Cluster;
  /** How long a node may take to register. */
  readonly timeoutMs: number;
  readonly logger: Logger;
  /** The node is registered: what it must be told goes through `session` from now on. */
  readonly onRegistered: (session: ExecutorSession) => void;
}

/** The connection of one executor manager. */
export class ExecutorSession {
  readonly #options: ExecutorSessionOptions;
  readonly #telling = new Set<Promise<void>>();

  constructor(options: ExecutorSessionOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  /** Registers the node and listens to it until it goes away; its leases end with it. */
  async serve(): Promise<void> {
    const { channel, cluster, logger, name, onRegistered } = this.#options;
    const registration = await this.#receiveRegistration();
    if (registration === undefined) {
      return;
    }
    const { correlation } = registration;
    const ending = await this.#register(registration);
    onRegistered(this);
    try {
      await channel.send({ kind: 'node-registered' }, correlation);
      for (const { lease, ending: reason } of ending) {
        await this.endLease(lease.leaseId, reason ?? 'released');
      }
      await this.#listen();
    } finally {
      cluster.nodeLost(name);
      logger.info('node gone');
    }
  }

  /** Tells the node to end what runs under a lease. */
  async endLease(leaseId: string, reason: LeaseEndReason): Promise<void> {
    const telling = this.#options.channel.send({ kind: 'lease-end', leaseId, reason });
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

  async #receiveRegistration(): Promise<MessageOf<'register-node'> | undefined> {
    return this.#options.channel.receive(['register-node'], AbortSignal.timeout(this.#options.timeoutMs));
  }

  async #register(registration: MessageOf<'register-node'>): Promise<ReturnType<Cluster['register']>> {
    const { channel, cluster, logger } = this.#options;
    try {
      this.#check(registration);
      const { name, url, cores, memoryMiB, gpus, incarnation } = registration;
      const ending = cluster.register({ name, url, cores, memoryMiB, gpus }, incarnation);
      logger.info('node registered', { url, cores, memoryMiB, gpus, incarnation });
      return ending;
    } catch (error) {
      await channel.refuse(error, registration.correlation);
      throw error;
    }
  }

  #check({ name, url, cores, memoryMiB, incarnation }: MessageFields<'register-node'>): void {
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
      throw new RfaasError(
        'RFAAS_ERR_USAGE',
        `a node with ${cores} cores and ${memoryMiB} MiB cannot be leased`,
      );
    }
    if (incarnation === 0n) {
      throw new RfaasError('RFAAS_ERR_USAGE', 'an executor manager needs an incarnation other than 0');
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
      if (news.kind === 'lease-ended') {
        cluster.leaseEnded(name, news.leaseId);
      } else if (news.kind === 'usage-report' && !cluster.report(name, news)) {
        logger.debug('usage report changes nothing', { leaseId: news.leaseId, sequence: news.sequence });
      }
    }
  }
}
