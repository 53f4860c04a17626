import { setTimeout as delay } from 'node:timers/promises';
import { RfaasError } from '@rfaas/core';
import { z } from 'zod';
import type { Following, Leadership, ManagerDescription, Term } from '../../leadership/leadership.ts';
import { EtcdClient, type EtcdClientOptions } from './etcd-client.ts';
import { checkLayout, EtcdKeys } from './etcd-layout.ts';
import type { EtcdKeyValue } from './etcd-protocol.ts';
import { EtcdTerm } from './etcd-term.ts';

/** How long to wait until etcd is asked again that did not answer. */
const retryMs = 250;

/** What a cluster's state in etcd is used with. */
export interface EtcdLeadershipOptions extends EtcdClientOptions {
  /** Under which all keys of the cluster lie. */
  readonly prefix: string;
  readonly clusterKey: Uint8Array;
  /** How long others wait for a leader of which nothing is heard: at least 2, which is etcd's own minimum. */
  readonly leaseSeconds: number;
  /** How often the history of keys is forgotten; 0: etcd does that by itself. */
  readonly compactMs: number;
}

const description = z.object({ name: z.string(), url: z.string(), httpUrl: z.string() });

/**
 * Several resource managers over one etcd. The leader has a key that goes with its lease; the revision that made it is the
 * token that fences its writes.
 */
export class EtcdLeadership implements Leadership {
  readonly name: string;
  readonly #options: EtcdLeadershipOptions;
  readonly #client: EtcdClient;
  readonly #keys: EtcdKeys;
  #layoutRevision = '0';
  /** The lease of a term that is over, as far as this process knows. */
  #formerLease: string | undefined;

  /** Connects with the first request. @throws RfaasError `RFAAS_ERR_CONFIGURATION` */
  constructor(options: EtcdLeadershipOptions) {
    this.#options = options;
    this.#client = new EtcdClient(options);
    this.#keys = new EtcdKeys(options.prefix);
    this.name = `etcd ${options.endpoints.join(', ')}, ${this.#keys.prefix}`;
  }

  async prepare(): Promise<void> {
    this.#layoutRevision = await checkLayout(this.#client, this.#keys, this.#options.clusterKey);
  }

  async begin(
    self: ManagerDescription,
    onFollowing: (following: Following) => void,
    signal: AbortSignal,
  ): Promise<Term> {
    for (;;) {
      signal.throwIfAborted();
      try {
        const term = await this.#attempt(self, onFollowing, signal);
        if (term !== undefined) return term;
      } catch (error) {
        if (!(error instanceof RfaasError) || error.details['status'] === undefined) throw error;
        // etcd is away: nobody leads as long as that lasts.
        onFollowing({ leader: undefined, problem: error });
        await delay(retryMs, undefined, { signal });
      }
    }
  }

  close(): Promise<void> {
    this.#client.close();
    return Promise.resolve();
  }

  /** Leads if nobody does; otherwise returns once that may have changed. */
  async #attempt(
    self: ManagerDescription,
    onFollowing: (following: Following) => void,
    signal: AbortSignal,
  ): Promise<Term | undefined> {
    const { header, kvs } = await this.#client.range(this.#keys.leader);
    const [leader] = kvs;
    if (leader === undefined) return this.#campaign(self);
    if (leader.lease === this.#formerLease) {
      await this.#client.revokeLease(leader.lease);
      return undefined;
    }
    onFollowing({ leader: describedIn(leader), problem: undefined });
    // Looks again after a while in any case: a member that is cut off from the others reports nothing.
    const patience = AbortSignal.timeout(this.#options.leaseSeconds * 1000);
    const next = String(BigInt(header.revision) + 1n);
    await this.#client.removed(this.#keys.leader, next, AbortSignal.any([signal, patience]));
    return undefined;
  }

  async #campaign(self: ManagerDescription): Promise<Term | undefined> {
    const leaseBegan = performance.now();
    const { id: leaseId, seconds } = await this.#client.grantLease(this.#options.leaseSeconds);
    this.#formerLease = leaseId;
    const { leader, layout, commit } = this.#keys;
    const value = Buffer.from(JSON.stringify(self));
    const { succeeded, header, responses } = await this.#client.transaction(
      [
        { key: leader, is: 'created', revision: '0' },
        { key: layout, is: 'changed', revision: this.#layoutRevision },
      ],
      [{ request_put: { key: leader, value, lease: leaseId } }, { request_range: { key: commit } }],
      [{ request_range: { key: layout } }],
    );
    if (!succeeded) {
      await this.#client.revokeLease(leaseId);
      const found = responses[0]?.response_range?.kvs[0];
      // Another release, or another cluster, has made itself at home since.
      if (found?.mod_revision !== this.#layoutRevision) await this.prepare();
      return undefined;
    }
    const term = new EtcdTerm({
      client: this.#client,
      keys: this.#keys,
      leaseId,
      leaseMs: seconds * 1000,
      leaseBegan,
      revision: header.revision,
      commitRevision: responses[1]?.response_range?.kvs[0]?.mod_revision ?? '0',
      compactMs: this.#options.compactMs,
    });
    try {
      await term.store.recover();
    } catch (error) {
      await term.resign();
      throw error;
    }
    return term;
  }
}

/** Who leads, as the key says; a value that is not ours says nothing. */
function describedIn({ value }: EtcdKeyValue): ManagerDescription | undefined {
  try {
    return description.parse(JSON.parse(value.toString()));
  } catch {
    return undefined;
  }
}
