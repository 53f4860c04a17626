import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from './environment.ts';
import type { Bucket } from './histogram.ts';
import type { Summary } from './statistics.ts';
import { formatTable } from './table.ts';

/** One measured thing: nanoseconds of one operation, and what they are compared with. */
export interface Measurement extends Summary {
  readonly name: string;
  /** Nanoseconds of each sample that are the clock's own. */
  readonly clock: number;
  /** The bare cache-line bounce right before and after, in nanoseconds without the clock; see {@link timesCacheLine}. */
  readonly cacheLine?: number | undefined;
  /** Times the bare cache-line bounce around it, else of the same session: medians, each without its clock's own time. */
  readonly timesCacheLine?: number | undefined;
  /** Times the raw round trip of the same transport in the same session, likewise. */
  readonly timesTransport?: number | undefined;
  readonly histogram?: readonly Bucket[] | undefined;
}

/** What one run of a benchmark found. */
export interface Report {
  readonly benchmark: string;
  /** How it was set up: pinning, sizes, warm-up. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly environment: Environment;
  readonly measurements: readonly Measurement[];
  /** Numbers that are no round trips, by name: bytes, milliseconds, ratios. */
  readonly facts?: Readonly<Record<string, number | string | boolean>> | undefined;
}

/** Adds ratios to what was measured in the same session. */
export function relate(measurements: readonly Measurement[]): Measurement[] {
  const floor = measurements.find((each) => each.name === 'cache-line');
  const transport = measurements.find((each) => each.name.startsWith('transport'));
  return measurements.map((each) => ({
    ...each,
    timesCacheLine: timesFloor(each, floor),
    timesTransport: transport === undefined ? undefined : net(each) / net(transport),
  }));
}

function timesFloor(each: Measurement, floor: Measurement | undefined): number | undefined {
  const nanoseconds = each.cacheLine ?? (floor === undefined ? undefined : net(floor));
  return nanoseconds === undefined ? undefined : net(each) / nanoseconds;
}

/** The median without the clock's own time. */
export function net({ p50, clock }: Pick<Measurement, 'p50' | 'clock'>): number {
  return p50 - clock;
}

/** The report as a person reads it. */
export function formatReport(report: Report): string {
  const { environment: on } = report;
  const lines = [
    `${report.benchmark}: ${on.cpu} (${on.processors} processors), ${on.architecture}, Linux ${on.kernel}, Node ${on.node}, ` +
      `commit ${on.commit}, load before ${on.load}`,
    ...Object.entries(report.settings).map(([name, value]) => `  ${name}: ${String(value)}`),
  ];
  if (report.measurements.length > 0) lines.push('', ...table(report.measurements));
  for (const [name, value] of Object.entries(report.facts ?? {})) lines.push(`  ${name}: ${value}`);
  return `${lines.join('\n')}\n`;
}

/** Writes the report as JSON into `directory` and returns the file's path. */
export function writeReport(report: Report, directory: string): string {
  mkdirSync(directory, { recursive: true });
  const stamp = report.environment.date.replaceAll(/[:.]/g, '-');
  const path = join(directory, `${report.benchmark}-${stamp}.json`);
  writeFileSync(path, `${JSON.stringify(report, undefined, 2)}\n`);
  return path;
}

function table(measurements: readonly Measurement[]): string[] {
  const header = [
    '',
    'clock',
    'p50',
    'p90',
    'p99',
    'p99.9',
    'max',
    'count',
    'cache line',
    'x cache line',
    'x transport',
  ];
  const rows = measurements.map((each) => [
    each.name,
    ...[each.clock, each.p50, each.p90, each.p99, each.p999, each.max].map(formatDuration),
    String(each.count),
    each.cacheLine === undefined ? '-' : formatDuration(each.cacheLine),
    formatRatio(each.timesCacheLine),
    formatRatio(each.timesTransport),
  ]);
  return formatTable(header, rows);
}

function formatRatio(ratio: number | undefined): string {
  return ratio === undefined ? '-' : ratio.toFixed(2);
}

/** Nanoseconds with the unit that a person would choose. */
export function formatDuration(nanoseconds: number): string {
  if (nanoseconds < 1000) return `${nanoseconds.toFixed(0)} ns`;
  if (nanoseconds < 1e6) return `${(nanoseconds / 1000).toFixed(2)} us`;
  return `${(nanoseconds / 1e6).toFixed(2)} ms`;
}
