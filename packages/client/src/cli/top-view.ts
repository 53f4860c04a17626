import type { LeaseAnswer, NodeAnswer, StatsAnswer } from './manager-answers.ts';
import { formatCount, formatDuration, formatMebibytes, formatSeconds } from './quantities.ts';
import { formatTable } from './table.ts';

/** What a manager said at one moment. */
export interface TopSample {
  readonly stats: StatsAnswer;
  readonly nodes: readonly NodeAnswer[];
  readonly leases: readonly LeaseAnswer[];
}

/** How much fits on the terminal. */
export interface TopSize {
  readonly columns: number;
  readonly rows: number;
}

/** Rates between two moments, in 1/s. */
export interface TopRates {
  readonly granted: number;
  readonly refused: number;
  readonly invocations: number;
}

/** Rates between two samples; `undefined` before there are two, or across a restart of the manager. */
export function ratesBetween(before: StatsAnswer | undefined, now: StatsAnswer): TopRates | undefined {
  const seconds = before === undefined ? 0 : now.uptimeSeconds - before.uptimeSeconds;
  if (before === undefined || seconds <= 0) return undefined;
  const rate = (from: number, to: number): number => Math.max(0, to - from) / seconds;
  return {
    granted: rate(before.totals.granted, now.totals.granted),
    refused: rate(before.totals.refused, now.totals.refused),
    invocations: rate(before.usage.invocations, now.usage.invocations),
  };
}

/** The lines of the live view; the busiest nodes, and the leases that expire first, as far as there is room. */
export function topLines(sample: TopSample, rates: TopRates | undefined, size: TopSize): string[] {
  const head = [...summary(sample.stats, rates, size.columns), ''];
  const room = Math.max(0, size.rows - head.length - 3);
  const forNodes = Math.min(sample.nodes.length, Math.max(Math.floor(room / 2), room - sample.leases.length));
  const nodes = nodeLines(sample.nodes, forNodes);
  const leases = leaseLines(sample, room - forNodes);
  return [...head, ...nodes, '', ...leases].map((line) => line.slice(0, size.columns));
}

function summary(stats: StatsAnswer, rates: TopRates | undefined, columns: number): string[] {
  const { nodes, cores, memoryMiB, leases, grantLatency } = stats;
  const out = [
    [nodes.draining, 'draining'],
    [nodes.lost, 'lost'],
  ] as const;
  const notes = out.filter(([count]) => count > 0).map(([count, what]) => `, ${count} ${what}`);
  const width = Math.min(30, Math.max(10, Math.floor(columns / 4)));
  const usedMemory = formatMebibytes(memoryMiB.all - memoryMiB.free);
  const rate = (value: number | undefined): string => (value === undefined ? '–' : formatCount(value));
  return [
    `rFaaS  ${stats.time.slice(11, 19)} UTC  up ${formatDuration(stats.uptimeSeconds)}  ` +
      `${nodes.all} nodes (${nodes.connected} connected${notes.join('')})  ` +
      `${leases.running} leases${leases.ending > 0 ? ` + ${leases.ending} ending` : ''}  ${stats.queued} queued`,
    `cores  ${bar(cores.all - cores.free, cores.all, width)} ${cores.all - cores.free} of ${cores.all} leased  ` +
      `memory ${bar(memoryMiB.all - memoryMiB.free, memoryMiB.all, width)} ${usedMemory} of ${formatMebibytes(memoryMiB.all)}`,
    `grants ${rate(rates?.granted)}/s  refused ${rate(rates?.refused)}/s  ` +
      `p50 ${formatSeconds(grantLatency.p50)}  p99 ${formatSeconds(grantLatency.p99)}  ` +
      `invocations ${rate(rates?.invocations)}/s`,
  ];
}

function nodeLines(nodes: readonly NodeAnswer[], room: number): string[] {
  const busy = [...nodes].sort((a, b) => b.cores - b.freeCores - (a.cores - a.freeCores));
  const rows = busy
    .slice(0, room)
    .map((node) => [
      node.name,
      node.drain === 'no' ? node.state : node.drain,
      bar(node.cores - node.freeCores, node.cores, 20),
      `${node.cores - node.freeCores}/${node.cores}`,
      formatMebibytes(node.memoryMiB - node.freeMemoryMiB),
      String(node.leases),
    ]);
  return formatTable(['NODE', 'STATE', 'CORES', '', 'MEMORY', 'LEASES'], rows).split('\n');
}

function leaseLines({ stats, leases }: TopSample, room: number): string[] {
  const now = Date.parse(stats.time);
  const rows = [...leases]
    .sort((a, b) => a.expiry.localeCompare(b.expiry))
    .slice(0, Math.max(0, room))
    .map((lease) => [
      lease.id.slice(0, 12),
      lease.tenant,
      lease.shares.map(({ node }) => node).join(','),
      String(lease.cores),
      lease.state === 'running' ? formatDuration((Date.parse(lease.expiry) - now) / 1000) : lease.state,
      formatCount(lease.usage.invocations),
      formatCount(lease.usage.coreSeconds),
    ]);
  return formatTable(['LEASE', 'TENANT', 'NODES', 'CORES', 'LEFT', 'INVOCATIONS', 'CORE S'], rows).split(
    '\n',
  );
}

function bar(part: number, whole: number, width: number): string {
  const filled = whole === 0 ? 0 : Math.round((part / whole) * width);
  return `[${'#'.repeat(filled)}${'-'.repeat(width - filled)}]`;
}
