import type { LeaseEndReason } from '@rfaas/core';
import type { Bill } from '../cluster/cluster-view.ts';
import { billOf } from './schemas/lease-schemas.ts';

/** How bills can be had: a JSON array, comma-separated values (RFC 4180), or what `sacct --parsable2` of Slurm prints. */
export const usageFormats = ['json', 'csv', 'sacct'] as const;

/** See {@link usageFormats}. */
export type UsageFormat = (typeof usageFormats)[number];

/** The media type of each format. */
export const usageMediaTypes: Readonly<Record<UsageFormat, string>> = {
  json: 'application/json; charset=utf-8',
  csv: 'text/csv; charset=utf-8',
  sacct: 'text/plain; charset=utf-8',
};

/** Bills as text, piece by piece, so that no list of them is ever whole in memory. `now` ends what is still open. */
export async function* formatBills(
  bills: AsyncIterable<Bill>,
  format: UsageFormat,
  now: number,
): AsyncGenerator<string> {
  if (format === 'json') {
    yield* formatJson(bills);
    return;
  }
  const columns = format === 'csv' ? csvColumns : sacctColumns(now);
  const join = format === 'csv' ? csvLine : sacctLine;
  yield join(columns.map(([name]) => name));
  for await (const bill of bills) {
    yield join(columns.map(([, value]) => value(bill)));
  }
}

async function* formatJson(bills: AsyncIterable<Bill>): AsyncGenerator<string> {
  let separator = '[';
  for await (const bill of bills) {
    yield `${separator}${JSON.stringify(billOf(bill))}`;
    separator = ',\n';
  }
  yield separator === '[' ? '[]\n' : ']\n';
}

type Column = readonly [name: string, value: (bill: Bill) => string];

const csvColumns: readonly Column[] = [
  ['lease', (bill) => bill.leaseId],
  ['tenant', (bill) => bill.tenant],
  ['nodes', (bill) => bill.nodes.join(' ')],
  ['cores', (bill) => String(bill.leased.cores)],
  ['memory_mib', (bill) => String(bill.leased.memoryMiB)],
  ['gpus', (bill) => String(bill.leased.gpus)],
  ['start', (bill) => new Date(bill.start).toISOString()],
  ['end', (bill) => (bill.end === undefined ? '' : new Date(bill.end).toISOString())],
  ['reason', (bill) => bill.reason ?? ''],
  ['allocations', (bill) => String(bill.usage.allocations)],
  ['invocations', (bill) => String(bill.usage.invocations)],
  ['core_seconds', (bill) => seconds(bill.usage.coreNanoseconds)],
  ['memory_mib_seconds', (bill) => (bill.usage.mebibyteMilliseconds / 1e3).toFixed(3)],
  ['hot_polling_seconds', (bill) => seconds(bill.usage.hotPollingNs)],
  ['execution_seconds', (bill) => seconds(bill.usage.executionNs)],
];

/** Slurm's states for our reasons. */
const slurmStates: Partial<Record<LeaseEndReason, string>> = {
  released: 'COMPLETED',
  expired: 'TIMEOUT',
  'client-gone': 'CANCELLED',
  'node-removed': 'NODE_FAIL',
  'manager-stopping': 'NODE_FAIL',
  'node-lost': 'NODE_FAIL',
  'node-drained': 'PREEMPTED',
  'ended-by-operator': 'CANCELLED',
  'not-known': 'NODE_FAIL',
};

function sacctColumns(now: number): readonly Column[] {
  return [
    ['JobID', (bill) => bill.leaseId],
    ['JobName', () => 'rfaas'],
    ['Account', (bill) => bill.tenant],
    ['NNodes', (bill) => String(bill.nodes.length)],
    ['AllocCPUS', (bill) => String(bill.leased.cores)],
    ['AllocTRES', allocatedResources],
    ['Start', (bill) => slurmTime(bill.start)],
    ['End', (bill) => (bill.end === undefined ? 'Unknown' : slurmTime(bill.end))],
    ['ElapsedRaw', (bill) => String(Math.max(0, Math.round(((bill.end ?? now) - bill.start) / 1000)))],
    ['State', stateOf],
    ['CPUTimeRAW', (bill) => String(Math.round(bill.usage.coreNanoseconds / 1e9))],
    ['TotalCPU', (bill) => slurmDuration(bill.usage.executionNs / 1e9)],
    ['NodeList', (bill) => bill.nodes.join(',')],
  ];
}

function stateOf({ end, reason }: Bill): string {
  if (end === undefined) {
    return 'RUNNING';
  }
  return (reason === undefined ? undefined : slurmStates[reason]) ?? 'PREEMPTED';
}

function allocatedResources({ leased, nodes }: Bill): string {
  const gpus = leased.gpus === 0 ? '' : `,gres/gpu=${leased.gpus}`;
  return `cpu=${leased.cores},mem=${leased.memoryMiB}M,node=${nodes.length}${gpus}`;
}

/** As Slurm writes moments, in UTC. */
function slurmTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().slice(0, 19);
}

/** `[DAYS-[HOURS:]]MINUTES:SECONDS.MILLISECONDS`. */
function slurmDuration(total: number): string {
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  const milliseconds = Math.round(total * 1000);
  const clock = `${two((milliseconds / 60_000) % 60)}:${two((milliseconds / 1000) % 60)}.${String(milliseconds % 1000).padStart(3, '0')}`;
  const hours = Math.floor(milliseconds / 3_600_000);
  if (hours === 0) {
    return clock;
  }
  return hours < 24 ? `${two(hours)}:${clock}` : `${Math.floor(hours / 24)}-${two(hours % 24)}:${clock}`;
}

function csvLine(cells: readonly string[]): string {
  return `${cells.map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(',')}\r\n`;
}

/** Names have no `|`: they are checked where they come in. */
function sacctLine(cells: readonly string[]): string {
  return `${cells.join('|')}\n`;
}

function seconds(nanoseconds: number): string {
  return (nanoseconds / 1e9).toFixed(6);
}
