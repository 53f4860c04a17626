import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { monotonicNanoseconds } from '@rfaas/core';
import type { Client } from '@rfaas/client';
import type { Measurement } from '../measure/report.ts';
import { percentile } from '../measure/statistics.ts';
import { barChart } from '../plots/bar-chart.ts';
import { LocalNode } from '../programs/local-node.ts';
import { nativeFile } from '../programs/native-program.ts';
import { measurement, type Benchmark, type BenchmarkSetting } from './benchmark.ts';

/** The steps of the reference's cold benchmark. */
const STEPS = ['connect', 'submit', 'spawn', 'initialise', 'first invocation'] as const;
const THREADS = [1, 2, 4, 8, 16, 32];

type Kind = 'started' | 'prewarmed' | 'kept warm';

/** Nanoseconds of each step. */
type Steps = readonly number[];

interface ColdResult {
  readonly kind: Kind;
  readonly threads: number;
  readonly isOversubscribed: boolean;
  readonly samples: readonly Steps[];
}

/** From nothing to the first result. */
export const cold: Benchmark = {
  name: 'cold',
  description:
    'from asking for a lease to the first result, step by step, with 1 to 32 threads: started, prewarmed, and kept warm',
  isReferenced: true,
  async run(setting) {
    const { quick, processors, repetitions } = setting;
    const bare = await bareNode(setting);
    const results: ColdResult[] = [];
    for (const kind of ['started', 'prewarmed', 'kept warm'] as const) {
      for (const threads of quick ? [1] : kind === 'kept warm' ? [1] : THREADS) {
        if (setting.wants(label({ kind, threads, isOversubscribed: false }))) {
          results.push(await measure(kind, threads, setting));
        }
      }
    }
    const measurements = [bare, ...results.flatMap(toMeasurements)];
    const [started, prewarmed] = ['started', 'prewarmed'].map((kind) => wholeOf(measurements, kind));
    return {
      settings: {
        transport: setting.transport,
        processors,
        repetitions,
        steps: STEPS.join(', '),
        package: 'native, libbench_functions.so',
      },
      measurements,
      facts: {
        ...(started === undefined ? {} : { 'started / bare node (p50)': round(started.p50 / bare.p50) }),
        ...(prewarmed === undefined
          ? {}
          : {
              'prewarmed, p50 in ms': round(prewarmed.p50 / 1e6),
              'prewarmed, p99 in ms': round(prewarmed.p99 / 1e6),
            }),
      },
      charts: ({ subtitle }) => ({
        steps: barChart({
          title: 'A cold start, step by step (median)',
          subtitle,
          horizontal: true,
          stacked: true,
          categories: results.map(label),
          value: { name: 'time', unit: 'nanoseconds' },
          series: STEPS.map((name, step) => ({ name, values: results.map((each) => medianOf(each, step)) })),
        }),
      }),
    };
  },
};

/** Starting node and nothing in it: what any process of JavaScript takes. */
async function bareNode({ repetitions, progress }: BenchmarkSetting): Promise<Measurement> {
  const samples = new Float64Array(repetitions);
  for (let i = 0; i < repetitions; i++) {
    progress.show(`bare node: ${i} of ${repetitions}`);
    const begin = monotonicNanoseconds();
    await once(
      spawn(process.execPath, ['-e', '0'], { stdio: 'ignore', env: { PATH: process.env['PATH'] } }),
      'exit',
    );
    samples[i] = monotonicNanoseconds() - begin;
  }
  return measurement('bare node', samples);
}

async function measure(kind: Kind, threads: number, setting: BenchmarkSetting): Promise<ColdResult> {
  const { processors, progress, transport } = setting;
  // More threads take longer: fewer repetitions of them tell as much.
  const repetitions = Math.max(2, Math.ceil(setting.repetitions / threads));
  const cores = Array.from({ length: threads }, (_, i) => processors[(i + 1) % processors.length] as number);
  const executor = {
    ...(kind === 'prewarmed' ? { prewarmed: 1, prewarmed_threads: threads } : {}),
    ...(kind === 'kept warm' ? { keep_warm_ms: 60_000 } : {}),
  };
  await using node = await LocalNode.start({ processors: cores, transport, executor });
  await using client = node.client();
  const samples: Steps[] = [];
  // The first one compiles the client's code, and is not counted.
  for (let i = 0; i <= repetitions; i++) {
    progress.show(`cold, ${kind}, ${threads} threads: ${i} of ${repetitions}`);
    if (kind === 'prewarmed') await node.prewarmed(i + 1);
    const steps = kind === 'kept warm' ? await returnOnce(client) : await startOnce(client, threads);
    if (i > 0) samples.push(steps);
  }
  const isOversubscribed = threads > new Set(cores).size;
  return { kind, threads, isOversubscribed, samples };
}

async function startOnce(client: Client, threads: number): Promise<Steps> {
  const times = [monotonicNanoseconds()];
  const take = (): void => void times.push(monotonicNanoseconds());
  await using lease = await client.lease({ cores: threads, memoryMiB: 1024 * threads });
  take();
  return await allocateOnce(lease, times, take);
}

/** A lease whose executor was given back, and is wanted again. */
async function returnOnce(client: Client): Promise<Steps> {
  await using lease = await client.lease({ cores: 1, memoryMiB: 1024 });
  await allocateOnce(lease, [0], () => undefined);
  const times = [monotonicNanoseconds()];
  const take = (): void => void times.push(monotonicNanoseconds());
  take();
  return await allocateOnce(lease, times, take);
}

async function allocateOnce(
  lease: Awaited<ReturnType<Client['lease']>>,
  times: number[],
  take: () => void,
): Promise<Steps> {
  await using executor = await lease.allocate(
    { library: nativeFile('libbench_functions.so') },
    { hotTimeout: 0, onStep: take },
  );
  take();
  executor.invokeSync('echo', new Uint8Array(64));
  take();
  return times.slice(1).map((time, step) => time - (times[step] as number));
}

function toMeasurements(result: ColdResult): Measurement[] {
  const of = (value: (steps: Steps) => number): Float64Array => Float64Array.from(result.samples, value);
  const whole = of((steps) => steps.reduce((sum, each) => sum + each, 0));
  const name = label(result);
  return [
    measurement(`${name}: to the first result`, whole),
    ...STEPS.map((step, index) =>
      measurement(
        `${name}: ${step}`,
        of((steps) => steps[index] ?? 0),
      ),
    ),
  ];
}

function label({ kind, threads, isOversubscribed }: Omit<ColdResult, 'samples'>): string {
  const shared = isOversubscribed ? ' (more than cores)' : '';
  return `${kind}, ${threads} ${threads === 1 ? 'thread' : 'threads'}${shared}`;
}

function medianOf({ samples }: ColdResult, step: number): number {
  return percentile(Float64Array.from(samples, (steps) => steps[step] ?? 0).sort(), 0.5);
}

function wholeOf(measurements: readonly Measurement[], kind: string): Measurement | undefined {
  return measurements.find(({ name }) => name === `${kind}, 1 thread: to the first result`);
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
