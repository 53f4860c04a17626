import { setTimeout as delay } from 'node:timers/promises';
import { errorMessage, RfaasError } from '@rfaas/core';
import type { Term } from '../../leadership/leadership.ts';
import type { EtcdClient } from './etcd-client.ts';
import type { EtcdKeys } from './etcd-layout.ts';
import { EtcdStore } from './etcd-store.ts';

/** How long giving up waits for etcd. */
const resignMs = 1000;

/** What a term is made of. */
export interface EtcdTermOptions {
  readonly client: EtcdClient;
  readonly keys: EtcdKeys;
  readonly leaseId: string;
  readonly leaseMs: number;
  /** When etcd was asked for the lease, by `performance.now()`: it ends so long after that, or later. */
  readonly leaseBegan: number;
  /** See {@link EtcdStore}. */
  readonly revision: string;
  readonly commitRevision: string;
  /** How often history is forgotten; 0: never. */
  readonly compactMs: number;
}

/** The time in which this process leads: as long as it renews its lease, by its own clock, and nobody has written since. */
export class EtcdTerm implements Term {
  readonly store: EtcdStore;
  readonly ended: Promise<RfaasError>;
  readonly #options: EtcdTermOptions;
  readonly #over = new AbortController();
  #deadline: number;
  #problem: unknown;
  #settle!: (reason: RfaasError) => void;

  constructor(options: EtcdTermOptions) {
    this.#options = options;
    this.#deadline = options.leaseBegan + options.leaseMs;
    this.store = new EtcdStore({
      ...options,
      requireLead: () => this.#requireLead(),
      onDeposed: (why) => this.#depose(why),
    });
    this.ended = new Promise((resolve) => {
      this.#settle = resolve;
    });
    void this.#keepLease();
    if (options.compactMs > 0) void this.#compact();
  }

  async resign(): Promise<void> {
    this.#end(new RfaasError('RFAAS_ERR_NOT_LEADER', 'this resource manager has given up its leadership'));
    // If etcd cannot be reached now, the lease ends by itself.
    await this.#options.client.revokeLease(this.#options.leaseId, resignMs).catch(() => undefined);
  }

  #requireLead(): void {
    // By the clock, not by a timer: a process that stood still must find out before it does anything else.
    if (performance.now() >= this.#deadline) this.#lapse();
    this.#over.signal.throwIfAborted();
  }

  async #keepLease(): Promise<void> {
    const { client, leaseId, leaseMs } = this.#options;
    const { signal } = this.#over;
    while (!signal.aborted) {
      await delay(leaseMs / 6, undefined, { signal, ref: false }).catch(() => undefined);
      const sent = performance.now();
      if (signal.aborted) return;
      if (sent < this.#deadline) {
        try {
          const seconds = await client.keepAlive(leaseId, this.#deadline - sent);
          if (seconds <= 0) return this.#depose('its lease in etcd is over');
          this.#deadline = sent + seconds * 1000;
        } catch (error) {
          this.#problem = error;
        }
      }
      // After the answer too: this process may have stood still meanwhile.
      if (performance.now() >= this.#deadline) return this.#lapse();
    }
  }

  /** Whether others lead by now is not known, so this process must not. */
  #lapse(): void {
    const problem = this.#problem === undefined ? 'it stood still' : errorMessage(this.#problem);
    this.#depose(`it could not renew its lease in etcd for ${this.#options.leaseMs} ms (${problem})`);
  }

  #depose(why: string): void {
    this.#end(new RfaasError('RFAAS_ERR_NOT_LEADER', `this resource manager does not lead any more: ${why}`));
  }

  #end(reason: RfaasError): void {
    this.#over.abort(reason);
    this.#settle(reason);
  }

  /** Keeps the history of one interval: etcd's space is for what is true now. */
  async #compact(): Promise<void> {
    const { client, compactMs } = this.#options;
    const { signal } = this.#over;
    let before = this.store.commitRevision;
    while (!signal.aborted) {
      await delay(compactMs, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      if (before !== this.store.commitRevision && before !== '0') {
        // Somebody else may have done it, or etcd is away: there is another time.
        await client.compact(before).catch(() => undefined);
      }
      before = this.store.commitRevision;
    }
  }
}
