import type { Usage, UsageReport } from '@rfaas/core';
import type { TenantLimits } from '../cluster/cluster-view.ts';
import type { SavedState } from '../cluster/saved-state.ts';
import { billRetentionMs, lateReportMs, type Account } from '../cluster/usage-ledger.ts';
import { addUsage, noUsage } from '../cluster/usage-sum.ts';
import {
  decodeBill,
  decodeLease,
  decodeLimits,
  decodeNode,
  decodeQueued,
  decodeReport,
} from './row-codecs.ts';
import { rowsUnder, type Row, type StateStore } from './state-store.ts';

/** Reads what a cluster was. @throws RfaasError `RFAAS_ERR_STORE` for rows that cannot be understood: nothing is guessed */
export async function loadState(store: StateStore, now: number): Promise<SavedState> {
  const limits = new Map<string, TenantLimits>();
  for await (const row of rows(store, 'tenant/')) {
    limits.set(row.key.slice('tenant/'.length), decodeLimits(row));
  }
  return {
    nodes: await decoded(store, 'node/', decodeNode),
    leases: await decoded(store, 'lease/', decodeLease),
    reports: byLease(await decoded(store, 'report/', decodeReport)),
    queued: (await decoded(store, 'queued/', decodeQueued)).sort((a, b) => a.since - b.since),
    limits,
    ...(await loadBills(store, now)),
  };
}

async function loadBills(
  store: StateStore,
  now: number,
): Promise<Pick<SavedState, 'accounts' | 'settled' | 'spent'>> {
  const accounts: Account[] = [];
  const settled = new Map<string, Usage>();
  const spent = new Map<string, number>();
  for await (const row of rows(store, 'bill/')) {
    const account = decodeBill(row);
    const { tenant, usage, leased, start, end = 0 } = account.bill;
    spent.set(tenant, (spent.get(tenant) ?? 0) + (leased.cores * Math.max(0, end - start)) / 1000);
    if (end + (account.isComplete ? billRetentionMs : lateReportMs) > now) {
      accounts.push(account);
    } else {
      settled.set(tenant, addUsage(settled.get(tenant) ?? noUsage, usage));
    }
  }
  return { accounts, settled, spent };
}

async function decoded<T>(store: StateStore, prefix: `${string}/`, decode: (row: Row) => T): Promise<T[]> {
  const values: T[] = [];
  for await (const row of rows(store, prefix)) {
    values.push(decode(row));
  }
  return values;
}

function rows(store: StateStore, prefix: `${string}/`): AsyncIterable<Row> {
  return store.scan(...rowsUnder(prefix));
}

function byLease(reports: readonly UsageReport[]): ReadonlyMap<string, readonly UsageReport[]> {
  const found = new Map<string, UsageReport[]>();
  for (const report of reports) {
    const others = found.get(report.leaseId);
    if (others === undefined) {
      found.set(report.leaseId, [report]);
    } else {
      others.push(report);
    }
  }
  return found;
}
