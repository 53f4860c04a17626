import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { monotonicNanoseconds } from '@rfaas/core';
import type { Client } from '@rfaas/client';
import type { Measurement } from '../measure/report.ts';
import { percentile } from '../measure/statistics.ts';
import { barChart } from '../plots/bar-chart.ts';
import {
  COLD_MEMORY_MIB,
  COLD_STEPS,
  coldStart,
  firstInvocation,
  type ColdStart,
} from '../programs/cold-start.ts';
import { LocalNode } from '../programs/local-node.ts';
import { measurement, type Benchmark, type BenchmarkSetting } from './benchmark.ts';
import { FUNCTIONS_MODULE } from './invocation.ts';

const THREADS = [1, 2, 4, 8, 16, 32];
/** A row stops after so long, with as many samples as it has by then. */
const LONGEST_ROW_NS = 20e9;
const FEWEST_SAMPLES = 2;

/** How the executor comes, and whether the client's process has done the same before. */
const KINDS = [
  'started',
  'prewarmed',
  'prewarmed, JavaScript',
  'prewarmed, new client',
  'kept warm',
] as const;
type Kind = (typeof KINDS)[number];

interface ColdResult {
  readonly kind: Kind;
  readonly threads: number;
  readonly isOversubscribed: boolean;
  readonly samples: readonly ColdStart[];
}

/** From nothing to the first result. */
export const cold: Benchmark = {
  name: 'cold',
  description:
    'from asking for a lease to the first result, step by step, with 1 to 32 threads: started, prewarmed, with a JavaScript ' +
    'package, by a client in a new process, and kept warm',
  isReferenced: true,
  async run(setting) {
    const { quick, processors, repetitions } = setting;
    const bare = await bareNode(setting);
    const results: ColdResult[] = [];
    for (const kind of KINDS) {
      const isForAll = !quick && (kind === 'started' || kind === 'prewarmed');
      for (const threads of isForAll ? THREADS : [1]) {
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
        steps: COLD_STEPS.join(', '),
        package:
          'native, libbench_functions.so; JavaScript: a module file, which the client bundles each time',
        client:
          'one process, whose first allocation is not counted; "new client": a process each, which has the SDK loaded',
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
          series: COLD_STEPS.map((name, step) => ({
            name,
            values: results.map((each) => medianOf(each, step)),
          })),
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
  const executor: { readonly prewarmed?: number } & Readonly<Record<string, number>> = {
    ...(kind.startsWith('prewarmed') ? { prewarmed: 1, prewarmed_threads: threads } : {}),
    ...(kind === 'kept warm' ? { keep_warm_ms: 60_000 } : {}),
  };
  await using node = await LocalNode.start({ processors: cores, transport, executor });
  await using client = node.client();
  const samples: ColdStart[] = [];
  const deadline = monotonicNanoseconds() + LONGEST_ROW_NS;
  // The first one compiles the code of client and manager, and is not counted.
  for (let i = 0; i <= repetitions; i++) {
    progress.show(`cold, ${kind}, ${threads} threads: ${i} of ${repetitions}`);
    if (executor.prewarmed !== undefined) await node.prewarmed(i + 1);
    const start = await startOnce(kind, threads, node, client);
    if (i > 0) samples.push(start);
    if (samples.length >= FEWEST_SAMPLES && monotonicNanoseconds() > deadline) break;
  }
  const isOversubscribed = threads > new Set(cores).size;
  return { kind, threads, isOversubscribed, samples };
}

async function startOnce(kind: Kind, threads: number, node: LocalNode, client: Client): Promise<ColdStart> {
  switch (kind) {
    case 'started':
    case 'prewarmed':
      return coldStart(client, threads);
    case 'prewarmed, JavaScript':
      return coldStart(client, threads, { module: FUNCTIONS_MODULE });
    case 'prewarmed, new client':
      return inNewProcess(node, threads);
    case 'kept warm':
      return returnOnce(client);
  }
}

async function inNewProcess({ url, keyFile }: LocalNode, threads: number): Promise<ColdStart> {
  const program = join(import.meta.dirname, '../programs/cold-client.js');
  const child = spawn(process.execPath, [program, url, keyFile, String(threads)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [output, [code]] = await Promise.all([
    text(child.stdout),
    once(child, 'exit') as Promise<[number | null]>,
  ]);
  if (code !== 0) throw new Error(`${program} ended with ${code}`);
  return JSON.parse(output) as ColdStart;
}

/** A lease whose executor was given back, and is wanted again. */
async function returnOnce(client: Client): Promise<ColdStart> {
  await using lease = await client.lease({ cores: 1, memoryMiB: COLD_MEMORY_MIB });
  await firstInvocation(lease, []);
  const now = monotonicNanoseconds();
  return await firstInvocation(lease, [now, now]);
}

function toMeasurements(result: ColdResult): Measurement[] {
  const of = (value: (start: ColdStart) => number): Float64Array => Float64Array.from(result.samples, value);
  const name = label(result);
  return [
    measurement(
      `${name}: to the first result`,
      of(({ steps }) => steps.reduce((sum, each) => sum + each, 0)),
    ),
    // Of an executor that is kept nothing is connected to its manager.
    ...COLD_STEPS.flatMap((step, index) =>
      result.kind === 'kept warm' && index === 0
        ? []
        : [
            measurement(
              `${name}: ${step}`,
              of(({ steps }) => steps[index] ?? 0),
            ),
          ],
    ),
    measurement(
      `${name}: deallocate, not part of it`,
      of(({ deallocate }) => deallocate),
    ),
  ];
}

function label({ kind, threads, isOversubscribed }: Omit<ColdResult, 'samples'>): string {
  const shared = isOversubscribed ? ' (more than cores)' : '';
  return `${kind}, ${threads} ${threads === 1 ? 'thread' : 'threads'}${shared}`;
}

function medianOf({ samples }: ColdResult, step: number): number {
  return percentile(Float64Array.from(samples, ({ steps }) => steps[step] ?? 0).sort(), 0.5);
}

function wholeOf(measurements: readonly Measurement[], kind: string): Measurement | undefined {
  return measurements.find(({ name }) => name === `${kind}, 1 thread: to the first result`);
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
