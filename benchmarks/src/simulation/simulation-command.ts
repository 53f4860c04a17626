import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PlacementPolicy } from '@rfaas/resource-manager';
import { InvalidArgumentError, type Command } from 'commander';
import { describeEnvironment } from '../measure/environment.ts';
import { Progress } from '../measure/progress.ts';
import { totalCores, type SimulationSettings } from './settings.ts';
import { simulate } from './simulate.ts';
import { writeSimulationPlots } from './simulation-plots.ts';
import {
  formatSimulation,
  runsCsv,
  samplesCsv,
  tenantsCsv,
  type SimulationReport,
  type SimulationRun,
} from './simulation-report.ts';

interface SimulationOptions {
  readonly nodes: readonly number[];
  readonly policies: readonly PlacementPolicy[];
  readonly requests: number;
  readonly load: number;
  readonly tenants: number;
  readonly skew: number;
  readonly mtbf: number;
  readonly tenantShare: number;
  readonly seed: number;
  readonly json?: true;
  readonly csv?: string;
  readonly plots?: string;
}

/** Adds `simulation` to the program of benchmarks. */
export function addSimulationCommand(program: Command, signal: AbortSignal): void {
  program
    .command('simulation')
    .description(
      'drives the real decisions of the resource manager with virtual time: clusters of any size, failures, skewed tenants',
    )
    .option('--nodes <counts,...>', 'sizes of the cluster; nodes have 100 cores on average', counts, [2000])
    .option('--policies <names,...>', 'pack, spread, random, locality', policies, [{ kind: 'pack' }])
    .option('--requests <count>', 'requests that are measured in each run', whole, 20_000)
    .option('--load <ratio>', 'core-hours asked for, as a share of those that there are', ratio, 0.9)
    .option('--tenants <count>', 'who asks', whole, 100)
    .option('--skew <exponent>', "exponent of Zipf's law over the tenants; 0: all alike", ratio, 1)
    .option('--mtbf <hours>', 'mean time between failures of a node; 0: none fail', ratio, 720)
    .option('--tenant-share <ratio>', 'the most that one tenant may have at once; 0: no limit', ratio, 0)
    .option('--seed <number>', 'another one: other random numbers', whole, 1)
    .option('--json', 'print the report as JSON instead of tables')
    .option('--csv <directory>', 'write runs.csv, samples.csv and tenants.csv there')
    .option('--plots <directory>', 'write SVG charts there')
    .action((options: SimulationOptions) => runSimulations(options, signal));
}

async function runSimulations(options: SimulationOptions, signal: AbortSignal): Promise<void> {
  const progress = new Progress(options.json !== true);
  const environment = describeEnvironment();
  const runs: SimulationRun[] = [];
  for (const settings of allSettings(options)) {
    const name = `${settings.policy.kind}, ${settings.nodes} nodes`;
    progress.show(`${name}: filling the cluster`);
    const start = Date.now();
    const onProgress = (done: number): void => {
      progress.show(`${name}: ${(100 * done).toFixed(0)} %`);
    };
    const result = await simulate(settings, { onProgress, signal });
    runs.push({ settings, cores: totalCores(settings.nodes), result, seconds: (Date.now() - start) / 1000 });
  }
  progress.clear();
  const report: SimulationReport = { benchmark: 'simulation', command: commandLine(), environment, runs };
  const written = writeFiles(report, options);
  process.stdout.write(options.json === true ? `${JSON.stringify(report)}\n` : formatSimulation(report));
  if (options.json !== true) process.stdout.write(written.map((path) => `written: ${path}\n`).join(''));
}

function allSettings(options: SimulationOptions): readonly SimulationSettings[] {
  const { requests, load, tenants, skew, tenantShare, seed, mtbf } = options;
  const common = { requests, load, tenants, skew, tenantShare, seed, nodeMtbfHours: mtbf };
  return options.policies.flatMap((policy) => options.nodes.map((nodes) => ({ ...common, policy, nodes })));
}

function writeFiles(report: SimulationReport, { csv, plots }: SimulationOptions): readonly string[] {
  const written: string[] = [];
  if (csv !== undefined) {
    mkdirSync(csv, { recursive: true });
    const files = { 'runs.csv': runsCsv, 'samples.csv': samplesCsv, 'tenants.csv': tenantsCsv };
    for (const [name, format] of Object.entries(files)) {
      writeFileSync(join(csv, name), format(report.runs));
      written.push(join(csv, name));
    }
  }
  return plots === undefined ? written : [...written, ...writeSimulationPlots(report, plots)];
}

/** How this run was started, without where its files go. */
function commandLine(): string {
  const parameters = process.argv
    .slice(2)
    .join(' ')
    .replaceAll(/ --(csv|plots)[ =]\S+| --json/g, '');
  return `npm run bench -- ${parameters}`;
}

function whole(text: string): number {
  const value = Number(text.replaceAll('_', ''));
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new InvalidArgumentError('it must be a whole number above 0.');
  }
  return value;
}

function counts(text: string): number[] {
  return text.split(',').map(whole);
}

function ratio(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0) {
    throw new InvalidArgumentError('it must be a number of at least 0.');
  }
  return value;
}

function policies(text: string): PlacementPolicy[] {
  return text.split(',').map((name) => {
    switch (name) {
      case 'pack':
      case 'spread':
      case 'random':
        return { kind: name };
      case 'locality':
        return { kind: name, label: 'rack' };
      default:
        throw new InvalidArgumentError('policies are pack, spread, random and locality.');
    }
  });
}
