import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatQuantity } from '../plots/units.ts';
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
  /** The raw round trip of the same transport in C with as many bytes, right before, in nanoseconds without the clock. */
  readonly transport?: number | undefined;
  /** Times the raw round trip of the same transport in the same session, likewise. */
  readonly timesTransport?: number | undefined;
  readonly histogram?: readonly Bucket[] | undefined;
  /** Operations a second, by the time of all samples together; the median's where only that is known. */
  readonly perSecond?: number | undefined;
  /** Payload bytes a second, where that is what a row is about. */
  readonly bytesPerSecond?: number | undefined;
  /** Payload of one operation in one direction. */
  readonly bytes?: number | undefined;
  /** What is drawn as one line against the payload. */
  readonly series?: string | undefined;
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

/** Adds ratios to what was measured in the same session: to the transport's round trip with as many bytes, else its first. */
export function relate(measurements: readonly Measurement[]): Measurement[] {
  const floor = measurements.find((each) => each.name === 'cache-line');
  const transports = measurements.filter((each) => each.name.startsWith('transport, C'));
  return measurements.map((each) => {
    const transport = transports.find(({ bytes }) => bytes === each.bytes) ?? transports[0];
    return {
      ...each,
      timesCacheLine: each.timesCacheLine ?? timesFloor(each, floor),
      timesTransport:
        each.timesTransport ?? (transport === undefined ? undefined : net(each) / net(transport)),
    };
  });
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

/**
 * Writes the report as JSON and its measurements as CSV, and its charts as SVG, into `directory`; returns the paths. All
 * begin with the benchmark's name and the date.
 */
export function writeReport(
  report: Report,
  charts: Readonly<Record<string, string>>,
  directory: string,
): string[] {
  mkdirSync(directory, { recursive: true });
  const stamp = report.environment.date.replaceAll(/[:.]/g, '-');
  const files = {
    json: `${JSON.stringify(report, undefined, 2)}\n`,
    csv: csv(report.measurements),
    ...Object.fromEntries(Object.entries(charts).map(([name, svg]) => [`${name}.svg`, svg])),
  };
  return Object.entries(files).map(([ending, content]) => {
    const separator = ending.includes('.') ? '-' : '.';
    const path = join(directory, `${report.benchmark}-${stamp}${separator}${ending}`);
    writeFileSync(path, content);
    return path;
  });
}

/** One line a measurement, nanoseconds. */
function csv(measurements: readonly Measurement[]): string {
  const columns = [
    ...([
      'name',
      'series',
      'bytes',
      'count',
      'p50',
      'p90',
      'p99',
      'p999',
      'max',
      'clock',
      'perSecond',
      'bytesPerSecond',
    ] as const),
    ...(['cacheLine', 'timesCacheLine', 'transport', 'timesTransport'] as const),
  ];
  const cell = (value: string | number | undefined): string =>
    typeof value === 'string' ? `"${value.replaceAll('"', '""')}"` : String(value ?? '');
  const rows = measurements.map((each) => columns.map((column) => cell(each[column])).join(','));
  return `${[columns.join(','), ...rows].join('\n')}\n`;
}

function table(measurements: readonly Measurement[]): string[] {
  const hasBytes = measurements.some(({ bytesPerSecond }) => bytesPerSecond !== undefined);
  const header = [
    '',
    'clock',
    'p50',
    'p90',
    'p99',
    'p99.9',
    'max',
    'count',
    'per second',
    ...(hasBytes ? ['bytes per second'] : []),
    'cache line',
    'x cache line',
    'transport',
    'x transport',
  ];
  const rows = measurements.map((each) => [
    each.name,
    ...[each.clock, each.p50, each.p90, each.p99, each.p999, each.max].map(formatDuration),
    String(each.count),
    formatQuantity(each.perSecond ?? 1e9 / each.p50, 'count'),
    ...(hasBytes ? [bandwidth(each)] : []),
    formatKnown(each.cacheLine),
    formatRatio(each.timesCacheLine),
    formatKnown(each.transport),
    formatRatio(each.timesTransport),
  ]);
  return formatTable(header, rows);
}

function bandwidth({ bytesPerSecond }: Measurement): string {
  return bytesPerSecond === undefined ? '-' : formatQuantity(bytesPerSecond, 'bytes-per-second');
}

function formatKnown(nanoseconds: number | undefined): string {
  return nanoseconds === undefined ? '-' : formatDuration(nanoseconds);
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
