import type { Environment } from '../measure/environment.ts';
import { formatDuration } from '../measure/report.ts';
import { formatTable } from '../measure/table.ts';
import type { RunResult } from './run-recorder.ts';
import type { SimulationSettings } from './settings.ts';

/** One simulated cluster. */
export interface SimulationRun {
  readonly settings: SimulationSettings;
  readonly cores: number;
  readonly result: RunResult;
  /** Seconds of real time that the run took. */
  readonly seconds: number;
}

/** What `bench simulation` found. */
export interface SimulationReport {
  readonly benchmark: 'simulation';
  /** How to get it again. */
  readonly command: string;
  readonly environment: Environment;
  readonly runs: readonly SimulationRun[];
}

/** The report as a person reads it. */
export function formatSimulation({ environment: on, command, runs }: SimulationReport): string {
  const header = [
    'policy',
    'nodes',
    'cores',
    'requests',
    'hours',
    'at once',
    'waited',
    'refused',
    'used',
    'queued',
    'frag. 8',
    'frag. 64',
    'wait p99',
    'fairness',
    'request p50',
    'p99',
    'grants/s',
  ];
  return [
    `${command}`,
    `${on.cpu} (${on.processors} processors), Node ${on.node}, commit ${on.commit}, ${on.date}`,
    '',
    ...formatTable(header, runs.map(row)),
    '',
    ...runs.flatMap(calls),
    '',
  ].join('\n');
}

/** One line for each run, with what the table shows and more. */
export function runsCsv(runs: readonly SimulationRun[]): string {
  const lines = runs.map(({ settings, cores, result: found, seconds }) => ({
    policy: settings.policy.kind,
    nodes: settings.nodes,
    cores,
    tenants: settings.tenants,
    skew: settings.skew,
    load: settings.load,
    node_mtbf_hours: settings.nodeMtbfHours,
    tenant_share: settings.tenantShare,
    seed: settings.seed,
    requests: found.requests,
    hours: found.hours,
    granted_at_once: found.grantedAtOnce,
    granted_after_waiting: found.grantedAfterWaiting,
    refused: refusals(found),
    renewals: found.renewals,
    node_failures: found.nodeFailures,
    utilisation: found.utilisation,
    queued: found.queued,
    ...Object.fromEntries(
      Object.entries(found.fragmentation).map(([size, value]) => [`fragmentation_${size}`, value]),
    ),
    wait_p50_ms: found.wait?.p50 ?? '',
    wait_p99_ms: found.wait?.p99 ?? '',
    fairness: found.fairness,
    request_p50_ns: found.calls['request']?.p50 ?? '',
    request_p99_ns: found.calls['request']?.p99 ?? '',
    request_p999_ns: found.calls['request']?.p999 ?? '',
    grants_per_second: found.grantsPerSecond,
    seconds,
  }));
  return csv(lines);
}

/** The state of each run over time. */
export function samplesCsv(runs: readonly SimulationRun[]): string {
  return csv(
    runs.flatMap(({ settings, result }) =>
      result.samples.map((sample) => ({ policy: settings.policy.kind, nodes: settings.nodes, ...sample })),
    ),
  );
}

/** What each tenant of each run asked for and was granted. */
export function tenantsCsv(runs: readonly SimulationRun[]): string {
  return csv(
    runs.flatMap(({ settings, result }) =>
      result.tenants.map((tenant) => ({ policy: settings.policy.kind, nodes: settings.nodes, ...tenant })),
    ),
  );
}

function row({ settings, cores, result: found }: SimulationRun): readonly string[] {
  const { request } = found.calls;
  return [
    settings.policy.kind,
    String(settings.nodes),
    String(cores),
    String(found.requests),
    found.hours.toFixed(1),
    String(found.grantedAtOnce),
    String(found.grantedAfterWaiting),
    String(refusals(found)),
    percent(found.utilisation),
    found.queued.toFixed(1),
    percent(found.fragmentation['8'] ?? 0),
    percent(found.fragmentation['64'] ?? 0),
    found.wait === undefined ? '-' : `${(found.wait.p99 / 1000).toFixed(0)} s`,
    found.fairness.toFixed(3),
    request === undefined ? '-' : formatDuration(request.p50),
    request === undefined ? '-' : formatDuration(request.p99),
    found.grantsPerSecond.toFixed(0),
  ];
}

function calls({ settings, result }: SimulationRun): readonly string[] {
  const header = [
    `${settings.policy.kind}, ${settings.nodes} nodes`,
    'count',
    'p50',
    'p90',
    'p99',
    'p99.9',
    'max',
  ];
  const rows = Object.entries(result.calls).map(([name, { count, p50, p90, p99, p999, max }]) => [
    `  ${name}`,
    String(count),
    ...[p50, p90, p99, p999, max].map(formatDuration),
  ]);
  const refused = Object.entries(result.refused).map(([reason, count]) => `${reason} ${count}`);
  return [
    ...formatTable(header, rows),
    `  refused: ${refused.length === 0 ? 'nothing' : refused.join(', ')}`,
  ];
}

function refusals({ refused }: RunResult): number {
  return Object.values(refused).reduce((sum, count) => sum + count, 0);
}

function percent(value: number): string {
  return `${(100 * value).toFixed(1)} %`;
}

/** Names and values hold no commas and no quotes. */
function csv(rows: readonly Readonly<Record<string, string | number>>[]): string {
  const [first] = rows;
  const lines = [Object.keys(first ?? {}), ...rows.map((each) => Object.values(each))];
  return `${lines.map((line) => line.join(',')).join('\n')}\n`;
}
