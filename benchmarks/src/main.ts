import { join } from 'node:path';
import { benchmarkConfig, createProgram, readConfig, RfaasError, runMain, runProgram } from '@rfaas/core';
import { InvalidArgumentError } from 'commander';
import { references, type Benchmark, type BenchmarkSetting } from './benchmarks/benchmark.ts';
import { allocations } from './benchmarks/allocations.ts';
import { cacheLine } from './benchmarks/cache-line.ts';
import { cold } from './benchmarks/cold.ts';
import { connections } from './benchmarks/connections.ts';
import { endless } from './benchmarks/endless.ts';
import { idle } from './benchmarks/idle.ts';
import { invocation } from './benchmarks/invocation.ts';
import { grants } from './benchmarks/grants.ts';
import { heartbeats } from './benchmarks/heartbeats.ts';
import { libfabric } from './benchmarks/libfabric.ts';
import { parallel } from './benchmarks/parallel.ts';
import { peers } from './benchmarks/peers.ts';
import { pipeline } from './benchmarks/pipeline.ts';
import { placement } from './benchmarks/placement.ts';
import { rdma } from './benchmarks/rdma.ts';
import { soak, type SoakResult } from './benchmarks/soak.ts';
import { transportBandwidth } from './benchmarks/transport-bandwidth.ts';
import { transportLatency } from './benchmarks/transport-latency.ts';
import { addFailoverCommand } from './failover/failover-command.ts';
import { generalCharts } from './measure/charts.ts';
import { describeEnvironment } from './measure/environment.ts';
import { Progress } from './measure/progress.ts';
import { formatReport, relate, writeReport, type Report } from './measure/report.ts';
import { choosePair } from './programs/processors.ts';
import { addSimulationCommand } from './simulation/simulation-command.ts';

const RESULTS = join(import.meta.dirname, '../results');
const BENCHMARKS: readonly Benchmark[] = [
  cacheLine,
  transportLatency,
  transportBandwidth,
  invocation,
  pipeline,
  cold,
  parallel,
  peers,
  endless,
  idle,
  allocations,
  rdma,
  libfabric,
  placement,
  grants,
  heartbeats,
  connections,
];

interface MeasureOptions {
  readonly json?: true;
  readonly quick?: true;
  readonly samples: number;
  readonly repetitions?: number;
  readonly sizes?: readonly number[];
  readonly processors?: string;
  readonly transport?: string;
  readonly config?: string;
  readonly only?: readonly string[];
  readonly output: string;
}

interface SoakCommandOptions {
  readonly json?: true;
  readonly cycles: number;
  readonly invocations: number;
  readonly processors?: string;
}

const program = createProgram({
  name: 'bench',
  description:
    'Measures rFaaS on this machine. Nothing is asserted: numbers depend on the machine and on what else runs.',
  version: '0.1.0',
  examples: [
    ['npm run bench -- invocation', 'whole invocations of every kind, against the bare cache line'],
    ['npm run bench -- transport-latency --sizes 64,4096', 'the raw transport with two payloads'],
    [
      'npm run bench -- cache-line --processors 2,3 --json',
      'the floor between two processors, for a program to read',
    ],
    [
      'npm run bench -- simulation --nodes 1000,10000 --policies pack,spread',
      'what a cluster of that size would do',
    ],
    [
      'npm run bench -- failover --kills 20',
      'several resource managers over one etcd, of which some are killed',
    ],
    ['npm run soak -- --cycles 100 --invocations 100000', 'a short search for leaks'],
  ],
});

for (const benchmark of BENCHMARKS) {
  program
    .command(benchmark.name)
    .description(benchmark.description)
    .option('--json', 'print the report as JSON instead of a table')
    .option('--samples <count>', 'samples of each measurement; slow ones take fewer', positive, 500_000)
    .option(
      '--repetitions <count>',
      'of what takes milliseconds; default: that of the file, else 100',
      positive,
    )
    .option('--sizes <bytes,...>', 'payloads; default: what the benchmark is for', sizes)
    .option(
      '--transport <url>',
      'what to measure, where there is a choice; default: that of the file, else shm://0',
    )
    .option('-c, --config <file>', 'a benchmark.json: repetitions and transport')
    .option('--processors <client,worker>', 'where to run; default: the first two')
    .option(
      '--only <text;...>',
      'only rows whose name contains one of the texts, where a benchmark has many',
      (text: string) => text.split(';'),
    )
    .option('--quick', 'as little of everything as still goes through all of it: to see that it works')
    .option('--output <folder>', 'where JSON, CSV and SVG files go', RESULTS)
    .action((options: MeasureOptions) => measure(benchmark, options));
}

program
  .command('soak')
  .description(
    'allocates and invokes very often, and ends with status 1 if memory, descriptors, threads or mappings leak',
  )
  .option('--json', 'print the result as JSON')
  .option('--cycles <count>', 'allocations and deallocations', positive, 10_000)
  .option('--invocations <count>', 'invocations', positive, 10_000_000)
  .option('--processors <client,worker>', 'where to run; default: the first two')
  .action(runSoak);

await runMain(async ({ argv, signal }) => {
  addSimulationCommand(program, signal);
  addFailoverCommand(program, signal);
  await runProgram(program, argv);
});

async function measure(benchmark: Benchmark, options: MeasureOptions): Promise<void> {
  const progress = new Progress(options.json !== true);
  const environment = describeEnvironment();
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  const setting = settingOf(benchmark, options, progress, stop.signal);
  const before = benchmark.isReferenced === true ? await references(setting) : [];
  const { charts, ...findings } = await benchmark.run(setting);
  const report: Report = {
    benchmark: benchmark.name,
    environment,
    ...findings,
    measurements: before.length === 0 ? findings.measurements : relate([...before, ...findings.measurements]),
  };
  progress.clear();
  const subtitle = `${environment.cpu}, ${environment.processors} processors, Node ${environment.node}, ${environment.date.slice(0, 10)}, commit ${environment.commit}\nnpm run bench -- ${shownParameters()}`;
  const drawn = { ...generalCharts(report, subtitle), ...charts?.({ subtitle }) };
  const files = writeReport(report, drawn, options.output);
  process.stdout.write(
    options.json === true
      ? `${JSON.stringify(report)}\n`
      : `${formatReport(report)}${files.map((file) => `  written: ${file}\n`).join('')}`,
  );
}

function settingOf(
  benchmark: Benchmark,
  options: MeasureOptions,
  progress: Progress,
  signal: AbortSignal,
): BenchmarkSetting {
  const file = options.config === undefined ? undefined : readConfig(options.config, benchmarkConfig);
  const isQuick = options.quick === true;
  const usual = isQuick
    ? { sizes: [64], repetitions: 2 }
    : { sizes: benchmark.sizes ?? [64], repetitions: 100 };
  return {
    processors: choosePair(options.processors),
    count: isQuick ? 100 : options.samples,
    sizes: options.sizes ?? usual.sizes,
    repetitions: options.repetitions ?? file?.repetitions ?? usual.repetitions,
    transport: options.transport ?? file?.transport ?? 'shm://0',
    quick: isQuick,
    wants: (name) => options.only?.some((text) => name.includes(text)) ?? true,
    progress,
    signal,
  };
}

async function runSoak(options: SoakCommandOptions): Promise<void> {
  const progress = new Progress(options.json !== true);
  const { cycles, invocations } = options;
  const result = await soak({ processors: choosePair(options.processors), cycles, invocations, progress });
  progress.clear();
  process.stdout.write(
    options.json === true ? `${JSON.stringify(result)}\n` : formatSoak(result, cycles, invocations),
  );
  if (!result.isClean) throw new RfaasError('RFAAS_ERR_INTERNAL', 'something leaks: see above');
}

function formatSoak({ processes, executorsLeft }: SoakResult, cycles: number, invocations: number): string {
  const lines = [`${cycles} allocations and ${invocations} invocations, begin -> end (after settling):`];
  for (const { name, begin, end, leaks } of processes) {
    const kinds = ['residentKiB', 'mappings', 'descriptors', 'threads'] as const;
    lines.push(`  ${name}: ${kinds.map((kind) => `${kind} ${begin[kind]} -> ${end[kind]}`).join(', ')}`);
    lines.push(...leaks.map((leak) => `    LEAK: ${leak}`));
  }
  lines.push(`  executors left: ${executorsLeft}`);
  return `${lines.join('\n')}\n`;
}

/** The command's parameters without where its files go. */
function shownParameters(): string {
  const parameters = process.argv.slice(2);
  const at = parameters.indexOf('--output');
  return parameters.filter((_, index) => at < 0 || (index !== at && index !== at + 1)).join(' ');
}

function positive(text: string): number {
  const value = Number(text.replaceAll('_', ''));
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError('it must be a whole number above 0.');
  return value;
}

function sizes(text: string): number[] {
  return text.split(',').map((each) => {
    const value = Number(each);
    if (!Number.isInteger(value) || value < 1)
      throw new InvalidArgumentError('sizes are whole numbers above 0.');
    return value;
  });
}
