import type { RfaasError } from '@rfaas/core';
import type { StateStore } from '../store/state-store.ts';

/** A resource manager as others are told of it. */
export interface ManagerDescription {
  readonly name: string;
  /** Where clients and executor managers reach it. */
  readonly url: string;
  readonly httpUrl: string;
}

/** A time in which this process alone decides over a cluster. */
export interface Term {
  /** Where the state is; of no use after the term. */
  readonly store: StateStore;
  /** Settles with the reason once the term is over; never rejects. */
  readonly ended: Promise<RfaasError>;
  /** Ends it, so that others need not wait. Idempotent. */
  resign(): Promise<void>;
}

/** What is known while others lead. */
export interface Following {
  /** Who leads; `undefined` while nobody does, as far as is known. */
  readonly leader: ManagerDescription | undefined;
  /** Why that is not known, or why this process cannot lead. */
  readonly problem: RfaasError | undefined;
}

/** Agrees with other processes on which one decides over a cluster. */
export interface Leadership {
  /** Where the state is. */
  readonly name: string;
  /** Checks that the state is there and can be used. @throws RfaasError `RFAAS_ERR_STORE`, `RFAAS_ERR_CONFIGURATION` */
  prepare(): Promise<void>;
  /**
   * Waits until a term of this process begins; `onFollowing` hears what happens meanwhile. Rejects when the signal fires,
   * and with RfaasError `RFAAS_ERR_STORE` once the state cannot be used.
   */
  begin(
    self: ManagerDescription,
    onFollowing: (following: Following) => void,
    signal: AbortSignal,
  ): Promise<Term>;
  close(): Promise<void>;
}

/** Leads always: the store is held by this process, as a file that is locked. The store is closed with it. */
export function soleLeadership(store: StateStore): Leadership {
  const never = new Promise<RfaasError>(() => undefined);
  return {
    name: store.name,
    prepare: () => Promise.resolve(),
    begin: () => Promise.resolve({ store, ended: never, resign: () => Promise.resolve() }),
    close: () => store.close(),
  };
}
