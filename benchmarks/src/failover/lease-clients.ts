import { setTimeout as delay } from 'node:timers/promises';
import type { Client, Lease } from '@rfaas/client';
import { errorCode } from '@rfaas/core';
import type { LeaseHistory } from './lease-history.ts';

/** What clients do until they are told to stop. */
export interface LeaseClientsOptions {
  readonly client: Client;
  readonly history: LeaseHistory;
  readonly random: () => number;
  readonly signal: AbortSignal;
}

/** Errors that say that nobody could be asked, or that nothing is free: nothing is promised, nothing is broken. */
const excuses = [
  'RFAAS_ERR_MANAGER_LOST',
  'RFAAS_ERR_DEADLINE',
  'RFAAS_ERR_STORE',
  'RFAAS_ERR_NO_CAPACITY',
  'RFAAS_ERR_ABORTED',
];
const overs = ['RFAAS_ERR_LEASE_UNKNOWN', 'RFAAS_ERR_LEASE_TERMINATED', 'RFAAS_ERR_LEASE_EXPIRED'];

/** Leases, renews, releases, or lets a lease run out, again and again, on the nodes of the pool `work`. */
export async function leaseAgainAndAgain(options: LeaseClientsOptions): Promise<void> {
  const { signal, random } = options;
  while (!signal.aborted) {
    const lease = await attempt(options, 'request', async () => {
      const cores = 1 + Math.floor(random() * 2);
      return options.client.lease({
        cores,
        memoryMiB: 64 * cores,
        durationMs: 3000 + Math.floor(random() * 12_000),
        renew: false,
        labels: { pool: 'work' },
        queue: { timeoutMs: 20_000 },
        timeoutMs: 10_000,
      });
    });
    if (lease === undefined) await delay(20);
    else await use(lease, options);
  }
}

async function use(lease: Lease, options: LeaseClientsOptions): Promise<void> {
  const { history, random } = options;
  const { id: leaseId, nodes, cores, generation } = lease;
  const each = cores / nodes.length;
  const now = Date.now();
  const expiry = lease.expiry.getTime();
  history.granted({ leaseId, cores: new Map(nodes.map((node) => [node, each])), generation, expiry }, now);
  const end = random();
  for (let pause = 0; pause < 1 + random() * 4; pause += 1) {
    await delay(random() * 500);
    if (random() < 0.4) await renew(lease, options);
  }
  if (end < 0.1) {
    // Forgotten by its client, and ended by its node or the manager.
    await delay(Math.max(0, lease.expiry.getTime() - Date.now()));
    return;
  }
  history.releasing(leaseId, Date.now());
  await attempt(options, 'release', async () => lease.release(), lease);
  history.released();
}

async function renew(lease: Lease, options: LeaseClientsOptions): Promise<void> {
  const renewed = await attempt(
    options,
    'renewal',
    async () => lease.renew(3000 + Math.floor(options.random() * 9000)),
    lease,
  );
  if (renewed !== undefined) options.history.renewed(lease.id, lease.generation, renewed.getTime());
}

/** `undefined` for what could not be done. Whatever contradicts a promise goes into the history. */
async function attempt<T>(
  { history }: LeaseClientsOptions,
  what: string,
  action: () => Promise<T>,
  lease?: Lease,
): Promise<T | undefined> {
  try {
    return await action();
  } catch (error) {
    const code = errorCode(error) ?? '';
    if (lease !== undefined && overs.includes(code)) history.refused(lease.id, what, error, Date.now());
    else if (!excuses.includes(code)) history.violations.push(`${what}: ${String(error)}`);
    return undefined;
  }
}
