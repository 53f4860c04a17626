import type { LeaseEndReason } from '@rfaas/core';
import type { Share } from './placement/placement-decision.ts';
import type { Resources } from './placement/resources.ts';

/** What a lease has on one node. */
export interface LeaseShare extends Share {
  /** The start of the node's executor manager that it is for; 0 for any, where the node was not connected. */
  readonly incarnation: bigint;
  /**
   * `held` while it may be used; `ending` until its node has confirmed that nothing runs there any more, then `freed`; or
   * until time has run out, then `abandoned`. The resources of the last two may be granted again.
   */
  readonly state: 'held' | 'ending' | 'freed' | 'abandoned';
}

/** A lease whose resources are not all free. Times are milliseconds since 1970. Replaced, never changed. */
export interface LeaseRecord {
  readonly leaseId: string;
  readonly tenant: string;
  /** Counts up with each renewal. */
  readonly generation: number;
  readonly notBefore: number;
  readonly expiry: number;
  readonly shares: readonly LeaseShare[];
  /** Why it ends, once no share is held any more. */
  readonly ending: LeaseEndReason | undefined;
}

/** Whether the resources of a share are taken. */
export function isTaken({ state }: LeaseShare): boolean {
  return state === 'held' || state === 'ending';
}

/** What the taken shares of a lease come to. */
export function takenResources(shares: readonly LeaseShare[]): Resources {
  return totalResources(shares.filter(isTaken));
}

/** What shares come to. */
export function totalResources(shares: readonly Resources[]): Resources {
  let cores = 0;
  let memoryMiB = 0;
  let gpus = 0;
  for (const share of shares) {
    cores += share.cores;
    memoryMiB += share.memoryMiB;
    gpus += share.gpus;
  }
  return { cores, memoryMiB, gpus };
}
