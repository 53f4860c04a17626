import type { LeaseRecord } from './lease-table.ts';

/**
 * Where leases outlive the process. Called after every change, before anybody is told of it; what it throws makes the
 * request fail.
 */
export interface LeaseStore {
  /** The leases that were stored when the process started. */
  load(): readonly LeaseRecord[];
  /** A lease was granted, renewed or began to end. */
  put(record: LeaseRecord): void;
  /** The resources of a lease are free. */
  delete(leaseId: string): void;
}

/** A store that forgets: leases end with the process. */
export const forgetfulStore: LeaseStore = {
  load: () => [],
  put: () => undefined,
  delete: () => undefined,
};
