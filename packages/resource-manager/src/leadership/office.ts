import { setTimeout as delay } from 'node:timers/promises';
import { errorFields, errorMessage, RfaasError, type Logger } from '@rfaas/core';
import type { ClusterService } from '../cluster-service.ts';
import type { StateStore } from '../store/state-store.ts';
import type { Following, Leadership, ManagerDescription } from './leadership.ts';

/** How long to wait after a state that could not be used was left to others. */
const pauseMs = 5000;

/** What an office works with. */
export interface OfficeOptions {
  readonly leadership: Leadership;
  /** Takes up the cluster where a store has left it. */
  readonly takeUp: (store: StateStore) => Promise<ClusterService>;
  /** A term is over: whoever is connected was served under it. */
  readonly onEnd: () => Promise<void>;
  readonly logger: Logger;
}

/**
 * Serves the cluster while this process leads, and waits for its turn while another one does. A term that ends is no end of
 * the process: its decisions are forgotten, its connections are ended, and it waits again.
 */
export class Office {
  readonly #options: OfficeOptions;
  readonly #closing = new AbortController();
  #service: ClusterService | undefined;
  #following: Following = { leader: undefined, problem: undefined };
  #self: ManagerDescription | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: OfficeOptions) {
    this.#options = options;
  }

  /**
   * Begins to lead or to wait; resolves once it is known who leads. `self`: how others are told of this process.
   *
   * @throws RfaasError `RFAAS_ERR_STORE`, `RFAAS_ERR_CONFIGURATION` for a state that cannot be used
   */
  async open(self: ManagerDescription): Promise<void> {
    this.#self = self;
    await this.#options.leadership.prepare();
    await new Promise<void>((resolve, reject) => {
      this.#running = this.#run(self, resolve, reject);
    });
  }

  /** The cluster, if this process leads. */
  get service(): ClusterService | undefined {
    return this.#service;
  }

  /** Who leads, as far as is known. */
  get leader(): ManagerDescription | undefined {
    return this.#service === undefined ? this.#following.leader : this.#self;
  }

  /** The cluster. @throws RfaasError `RFAAS_ERR_NOT_LEADER` that says who leads, if it is not this process */
  serving(): ClusterService {
    if (this.#service === undefined) {
      throw new RfaasError('RFAAS_ERR_NOT_LEADER', this.#excuse());
    }
    return this.#service;
  }

  /** Why leases cannot be granted here right now; `undefined` if they can. */
  unready(): string | undefined {
    return this.#service === undefined ? this.#excuse() : this.#service.rows.failure?.message;
  }

  /** Stores what was decided, and leaves the cluster to others. @throws RfaasError `RFAAS_ERR_STORE` */
  async close(): Promise<void> {
    this.#closing.abort();
    try {
      await this.#running;
    } finally {
      await this.#options.leadership.close();
    }
  }

  #excuse(): string {
    const { leader, problem } = this.#following;
    if (leader !== undefined) {
      return `resource manager "${leader.name}" at ${leader.url} leads (HTTP: ${leader.httpUrl}); ask there`;
    }
    const why = problem === undefined ? 'they are about to agree on one' : problem.message;
    return `no resource manager leads: ${why}`;
  }

  /** `onKnown`: it is known who leads, for the first time. `onUnusable`: that cannot be, also for the first time only. */
  async #run(
    self: ManagerDescription,
    onKnown: () => void,
    onUnusable: (error: unknown) => void,
  ): Promise<void> {
    const { signal } = this.#closing;
    let isFirst = true;
    while (!signal.aborted) {
      try {
        await this.#serveTerm(self, () => {
          isFirst = false;
          onKnown();
        });
      } catch (error) {
        if (signal.aborted) {
          if (errorName(error) === 'AbortError') return;
          throw error;
        }
        if (isFirst) {
          onUnusable(error);
          return;
        }
        await this.#pause(error);
      }
    }
  }

  async #serveTerm(self: ManagerDescription, onKnown: () => void): Promise<void> {
    const { leadership, takeUp, onEnd, logger } = this.#options;
    const { signal } = this.#closing;
    const term = await leadership.begin(self, (following) => this.#follow(following, onKnown), signal);
    let service: ClusterService | undefined;
    try {
      service = await takeUp(term.store);
      this.#service = service;
      logger.info('leading', { store: term.store.name });
      onKnown();
      const reason = await Promise.race([term.ended, aborted(signal)]);
      if (reason === undefined) {
        await service.close();
        return;
      }
      logger.warn('leading no more', errorFields(reason));
      this.#following = { leader: undefined, problem: reason };
    } finally {
      // In this order: nobody is served any more, and only then somebody else may be.
      service?.abandon();
      if (!signal.aborted) {
        this.#service = undefined;
        await Promise.all([onEnd(), term.resign()]);
      } else {
        await term.resign();
      }
    }
  }

  #follow(following: Following, onKnown: () => void): void {
    const before = this.#following;
    this.#following = following;
    const { leader, problem } = following;
    if (leader?.name !== before.leader?.name || leader?.url !== before.leader?.url) {
      this.#options.logger.info('following', { leader: leader?.name, url: leader?.url });
    }
    if (problem !== undefined && before.problem === undefined) {
      this.#options.logger.warn('nobody leads', errorFields(problem));
    }
    onKnown();
  }

  /** A state that cannot be used is left to others for a while: perhaps they can, or an operator has mended it. */
  async #pause(error: unknown): Promise<void> {
    const { logger } = this.#options;
    const problem =
      error instanceof RfaasError
        ? error
        : new RfaasError('RFAAS_ERR_STORE', errorMessage(error), { cause: error });
    this.#following = { leader: undefined, problem };
    logger.error('this resource manager cannot lead', { ...errorFields(error), retryMs: pauseMs });
    await delay(pauseMs, undefined, { signal: this.#closing.signal }).catch(() => undefined);
  }
}

function errorName(error: unknown): string | undefined {
  return error instanceof Error ? error.name : undefined;
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}
