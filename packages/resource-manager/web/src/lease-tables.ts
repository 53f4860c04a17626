import type { Lease, Queued, Tenant } from './answers.ts';
import type { List } from './api.ts';
import { byId, element } from './element.ts';
import { KeyedTable } from './keyed-table.ts';
import { formatCount, formatDuration, formatMebibytes } from './quantities.ts';
import { tenantMark } from './tenant-colour.ts';

/** Ends a lease; `undefined` where the token is not enough. */
export type LeaseAction = ((lease: Lease) => void) | undefined;

/** The tables of leases, of requests that wait, and of tenants. `now` is the manager's time. */
export class LeaseTables {
  readonly #leases: KeyedTable<Lease>;
  readonly #queue: KeyedTable<Queued>;
  readonly #tenants: KeyedTable<Tenant>;

  constructor(now: () => number, action: () => LeaseAction) {
    this.#leases = leasesTable(now, action);
    this.#queue = queueTable(now);
    this.#tenants = tenantsTable();
  }

  show(leases: List<Lease>, queue: List<Queued>, tenants: List<Tenant>): void {
    this.#leases.show(
      [...leases.items].sort((a, b) => a.expiry.localeCompare(b.expiry)),
      leases.total,
    );
    this.#queue.show(queue.items, queue.total);
    this.#tenants.show(
      [...tenants.items].sort((a, b) => b.held.cores - a.held.cores),
      tenants.total,
    );
  }
}

function leasesTable(now: () => number, action: () => LeaseAction): KeyedTable<Lease> {
  return new KeyedTable<Lease>({
    table: byId('leases'),
    caption: 'Open leases; the one that expires first is on top',
    key: ({ id }) => id,
    empty: 'No lease is open',
    columns: [
      { heading: 'Lease', text: ({ id }) => id, content: leaseId },
      {
        heading: 'Tenant',
        text: ({ tenant }) => tenant,
        content: ({ tenant }) => [tenantMark(tenant), tenant],
      },
      { heading: 'Nodes', class: 'wrap', text: ({ shares }) => shares.map(({ node }) => node).join(', ') },
      { heading: 'Cores', class: 'number', text: ({ cores }) => String(cores) },
      { heading: 'Memory', class: 'number', text: ({ memoryMiB }) => formatMebibytes(memoryMiB) },
      {
        heading: 'Time left',
        class: 'number',
        text: (lease) =>
          lease.state === 'running'
            ? formatDuration(Date.parse(lease.expiry) - now())
            : `ending: ${lease.reason}`,
      },
      { heading: 'Invocations', class: 'number', text: ({ usage }) => formatCount(usage.invocations) },
      { heading: 'Core seconds', class: 'number', text: ({ usage }) => formatCount(usage.coreSeconds) },
      {
        heading: 'Action',
        text: ({ state }) => (action() === undefined ? '' : state),
        content: (lease) => releaseButton(lease, action),
      },
    ],
  });
}

function queueTable(now: () => number): KeyedTable<Queued> {
  return new KeyedTable<Queued>({
    table: byId('queue'),
    caption: 'Requests that wait for resources',
    key: ({ id }) => id,
    empty: 'Nobody waits',
    columns: [
      {
        heading: 'Tenant',
        text: ({ tenant }) => tenant,
        content: ({ tenant }) => [tenantMark(tenant), tenant],
      },
      { heading: 'Position', class: 'number', text: ({ position }) => String(position) },
      { heading: 'Cores', class: 'number', text: ({ wanted }) => String(wanted.cores) },
      { heading: 'Memory', class: 'number', text: ({ wanted }) => formatMebibytes(wanted.memoryMiB) },
      { heading: 'Waiting', class: 'number', text: ({ since }) => formatDuration(now() - Date.parse(since)) },
      {
        heading: 'Gives up in',
        class: 'number',
        text: ({ deadline }) => formatDuration(Date.parse(deadline) - now()),
      },
    ],
  });
}

function tenantsTable(): KeyedTable<Tenant> {
  return new KeyedTable<Tenant>({
    table: byId('tenants'),
    caption: 'Tenants with what they hold and have used',
    key: ({ name }) => name,
    empty: 'No tenant has had a lease',
    columns: [
      { heading: 'Tenant', text: ({ name }) => name, content: ({ name }) => [tenantMark(name), name] },
      { heading: 'Leases', class: 'number', text: ({ leases, limits }) => ofLimit(leases, limits.leases) },
      { heading: 'Cores', class: 'number', text: ({ held, limits }) => ofLimit(held.cores, limits.cores) },
      { heading: 'Invocations', class: 'number', text: ({ usage }) => formatCount(usage.invocations) },
      { heading: 'Core seconds', class: 'number', text: ({ usage }) => formatCount(usage.coreSeconds) },
    ],
  });
}

function ofLimit(held: number, limit: number | undefined): string {
  return limit === undefined ? String(held) : `${held} of ${limit}`;
}

function leaseId({ id }: Lease): HTMLElement[] {
  return [element('code', { text: id.slice(0, 12), attributes: { title: id } })];
}

function releaseButton(lease: Lease, action: () => LeaseAction): HTMLElement[] {
  if (action() === undefined || lease.state !== 'running') return [];
  const label = `Release lease ${lease.id.slice(0, 12)} of ${lease.tenant}`;
  const button = element('button', { text: 'Release', attributes: { type: 'button', 'aria-label': label } });
  button.addEventListener('click', () => action()?.(lease));
  return [button];
}
