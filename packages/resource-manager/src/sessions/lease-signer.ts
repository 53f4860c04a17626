import {
  deriveLeaseKey,
  deriveNodeKey,
  seal,
  signLease,
  type Clock,
  type LeaseShareMessage,
} from '@rfaas/core';
import type { ClusterNode } from '../cluster/executor-registry.ts';
import type { LeaseRecord } from '../cluster/lease-record.ts';
import { wallTime } from '../cluster/wall-time.ts';

/** Which key signs leases: there is one until keys can be exchanged. */
const signingKeyId = 1;

/** What leases are signed with. */
export interface LeaseSignerOptions {
  readonly clusterKey: Uint8Array;
  /** The clock by which leases are kept, which does not jump. */
  readonly clock: Clock;
  /** The host's clock, which nodes compare theirs with. */
  readonly wallClock: Clock;
  readonly node: (name: string) => ClusterNode | undefined;
}

/** Makes what a client shows to the nodes of its lease. */
export class LeaseSigner {
  readonly #options: LeaseSignerOptions;
  readonly #nodeKeys = new Map<string, Uint8Array>();

  constructor(options: LeaseSignerOptions) {
    this.#options = options;
  }

  /** A moment of the steady clock as the host's clock, and so those of the nodes, will show it. */
  wallTime(time: number): number {
    return wallTime(time, this.#options.clock, this.#options.wallClock);
  }

  /** What a lease has on each node: signed for the node, and its key sealed for the client with that session key. */
  sign(record: LeaseRecord, sessionKey: Uint8Array): readonly LeaseShareMessage[] {
    const { leaseId, generation, tenant } = record;
    const expiry = this.wallTime(record.expiry);
    const notBefore = this.wallTime(record.notBefore);
    return record.shares
      .filter(({ state }) => state === 'held')
      .map(({ node, incarnation, cores, memoryMiB, gpus }) => {
        const nodeKey = this.#nodeKey(node);
        const share = { leaseId, generation, node, cores, memoryMiB, gpus };
        const token = signLease(nodeKey, {
          ...share,
          keyId: signingKeyId,
          incarnation,
          tenant,
          notBefore,
          expiry,
        });
        const sealedKey = seal(sessionKey, deriveLeaseKey(nodeKey, leaseId, generation), leaseId);
        return { ...share, url: this.#options.node(node)?.url ?? '', expiry, token, sealedKey };
      });
  }

  #nodeKey(name: string): Uint8Array {
    let key = this.#nodeKeys.get(name);
    if (key === undefined) {
      key = deriveNodeKey(this.#options.clusterKey, name);
      this.#nodeKeys.set(name, key);
    }
    return key;
  }
}
