import { join } from 'node:path';
import { barChart } from '../plots/bar-chart.ts';
import { writeChart } from '../plots/chart.ts';
import { lineChart, type Line } from '../plots/line-chart.ts';
import { FRAGMENT_CORES, type Sample } from './run-recorder.ts';
import type { SimulationReport, SimulationRun } from './simulation-report.ts';

/** The aim for a decision with 100,000 nodes, in nanoseconds. */
const AIM = 20_000;

/** Draws what a report says as SVG files in `directory`. Returns their paths. */
export function writeSimulationPlots(report: SimulationReport, directory: string): readonly string[] {
  const { runs, environment, command } = report;
  const subtitle = `${command}\n${environment.cpu}, Node ${environment.node}, ${environment.date.slice(0, 10)}, commit ${environment.commit}`;
  const largest = Math.max(...runs.map(({ settings }) => settings.nodes));
  const compared = runs.filter(({ settings }) => settings.nodes === largest);
  const charts = {
    'decision-time.svg': decisionTime(runs, subtitle),
    'utilisation.svg': overTime(
      compared,
      subtitle,
      'Leased cores',
      'of the cores of nodes that are up',
      (sample) => 100 * sample.utilisation,
    ),
    'fragmentation-over-time.svg': overTime(
      compared,
      subtitle,
      'Free cores that no lease of 64 cores on one node could use',
      'of the free cores',
      (sample) => 100 * sample.fragmentation,
    ),
    'fragmentation.svg': fragmentationBySize(compared, subtitle),
    'tenants.svg': tenants(compared, subtitle),
  };
  return Object.entries(charts).map(([name, svg]) => {
    const path = join(directory, name);
    writeChart(path, svg);
    return path;
  });
}

function decisionTime(runs: readonly SimulationRun[], subtitle: string): string {
  const lines = policies(runs).flatMap((policy): Line[] => {
    const own = runs.filter(({ settings }) => settings.policy.kind === policy);
    const points = (pick: 'p50' | 'p99'): (readonly [number, number])[] =>
      own.map(({ settings, result }) => [settings.nodes, result.calls['request']?.[pick] ?? 0] as const);
    return [
      { name: `${policy}, median`, points: points('p50') },
      { name: `${policy}, p99`, points: points('p99') },
    ];
  });
  const nodes = runs.map(({ settings }) => settings.nodes);
  const aim: Line = {
    name: 'aim for p99',
    dashed: true,
    points: [Math.min(...nodes), Math.max(...nodes)].map((at) => [at, AIM] as const),
  };
  return lineChart({
    title: 'How long the answer to a request for a lease takes',
    subtitle,
    x: { name: 'nodes', unit: 'count', log: true },
    y: { name: 'time of one request', unit: 'nanoseconds', log: true },
    lines: [...lines, aim],
  });
}

function overTime(
  runs: readonly SimulationRun[],
  subtitle: string,
  title: string,
  yName: string,
  pick: (sample: Sample) => number,
): string {
  return lineChart({
    title,
    subtitle,
    x: { name: 'hours of virtual time', unit: 'count' },
    y: { name: yName, unit: 'percent' },
    lines: runs.map(({ settings, result }) => ({
      name: settings.policy.kind,
      points: result.samples.map((sample) => [sample.hours, pick(sample)] as const),
    })),
    markers: false,
  });
}

function fragmentationBySize(runs: readonly SimulationRun[], subtitle: string): string {
  return barChart({
    title: 'Free cores that no lease of this size on one node could use',
    subtitle,
    categories: FRAGMENT_CORES.map((cores) => `${cores} cores`),
    value: { name: 'of the free cores', unit: 'percent' },
    series: runs.map(({ settings, result }) => ({
      name: settings.policy.kind,
      values: FRAGMENT_CORES.map((cores) => 100 * (result.fragmentation[cores] ?? 0)),
    })),
  });
}

function tenants(runs: readonly SimulationRun[], subtitle: string): string {
  return lineChart({
    title: 'What tenants were granted of the core-hours that they asked for',
    subtitle,
    x: { name: 'tenant, the one that asked for most first', unit: 'count' },
    y: { name: 'granted', unit: 'percent' },
    lines: runs.map(({ settings, result }) => ({
      name: settings.policy.kind,
      points: result.tenants.map(({ asked, served }, index) => [index + 1, (100 * served) / asked] as const),
    })),
    markers: true,
  });
}

function policies(runs: readonly SimulationRun[]): readonly string[] {
  return [...new Set(runs.map(({ settings }) => settings.policy.kind))];
}
