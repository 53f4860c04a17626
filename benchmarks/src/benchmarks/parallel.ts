import { monotonicNanoseconds } from '@rfaas/core';
import type { Executor } from '@rfaas/client';
import { loadNativeLibrary } from '@rfaas/rdmalib';
import type { Measurement } from '../measure/report.ts';
import { barChart } from '../plots/bar-chart.ts';
import { lineChart } from '../plots/line-chart.ts';
import { LocalNode } from '../programs/local-node.ts';
import { nativeFile } from '../programs/native-program.ts';
import { pinThread } from '../programs/processors.ts';
import { applications, type Application } from '../programs/applications.ts';
import { measurement, type Benchmark, type BenchmarkSetting } from './benchmark.ts';

const THREADS = [1, 2, 4, 8, 16, 32];
const LIBRARY = 'libbench_functions.so';
const BUFFER_BYTES = 16 * 1024 * 1024;

/** One way of computing, and how long it takes. */
interface Way {
  readonly application: string;
  readonly threads: number;
  readonly kind: 'alone' | 'strong' | 'weak' | 'client and leased';
  readonly isOversubscribed: boolean;
  readonly measured: Measurement;
}

type Compute = (input: Uint8Array, output: Uint8Array) => void;

/** Whole problems in parts. */
export const parallel: Benchmark = {
  name: 'parallel',
  description:
    'Black-Scholes, matrix multiplication and a Jacobi solver with 1 to 32 threads: strong and weak scaling, the client ' +
    'alone, and client and leased cores together',
  async run(setting) {
    const { processors, transport, quick, repetitions } = setting;
    const library = loadNativeLibrary(nativeFile(LIBRARY));
    const ways: Way[] = [];
    for (const application of applications(quick)) {
      const compute = library.function(application.name, 'uint32_t', ['void *', 'uint32_t', 'void *']);
      const local: Compute = (input, output) => void compute(input, input.byteLength, output);
      ways.push(await alone(application, local, setting));
      for (const threads of quick ? [1] : THREADS) {
        ways.push(...(await leased(application, local, threads, setting)));
      }
    }
    return {
      settings: {
        transport,
        processors,
        repetitions,
        memory: `${BUFFER_BYTES} B of input and output a slot`,
      },
      measurements: ways.map(({ measured }) => measured),
      facts: Object.fromEntries(ways.filter(({ kind }) => kind !== 'alone').map((way) => fact(way, ways))),
      charts: ({ subtitle }) => charts(ways, subtitle),
    };
  },
};

async function alone(application: Application, compute: Compute, setting: BenchmarkSetting): Promise<Way> {
  const { processors } = setting;
  pinThread([processors[0]]);
  const problem = application.problem(1);
  const [part] = problem.parts(1);
  const output = new Uint8Array(BUFFER_BYTES);
  const measured = await timed(`${application.name}, client alone`, setting, () => {
    for (let step = 0; step < problem.steps; step++) compute(part as Uint8Array, output);
    return Promise.resolve();
  });
  pinThread(processors);
  return { application: application.name, threads: 0, kind: 'alone', isOversubscribed: false, measured };
}

async function leased(
  application: Application,
  local: Compute,
  threads: number,
  setting: BenchmarkSetting,
): Promise<Way[]> {
  const { processors, transport, progress } = setting;
  const cores = Array.from({ length: threads }, (_, i) => processors[(i + 1) % processors.length] as number);
  await using node = await LocalNode.start({
    processors: cores,
    transport,
  });
  await using client = node.client();
  await using lease = await client.lease({ cores: threads, memoryMiB: 64 * threads });
  await using executor = await lease.allocate(
    { library: nativeFile(LIBRARY) },
    { hotTimeout: 100, slots: 1, inputBytes: BUFFER_BYTES, outputBytes: BUFFER_BYTES },
  );
  // The client's own core is one of those that are leased as soon as there are as many threads as processors.
  const isOversubscribed = threads >= processors.length;
  const common = { application: application.name, threads, isOversubscribed };
  const shared = isOversubscribed ? ' (more threads than cores)' : '';
  const ways: Way[] = [];
  for (const [kind, scale] of [
    ['strong', 1],
    ['weak', threads],
  ] as const) {
    const problem = application.problem(scale);
    const parts = problem.parts(threads);
    const name = `${application.name}, ${threads} leased, ${kind} scaling${shared}`;
    progress.show(name);
    const measured = await timed(name, setting, async () => {
      for (let step = 0; step < problem.steps; step++) await computeParts(executor, application.name, parts);
    });
    ways.push({ ...common, kind, measured });
  }
  const problem = application.problem(1);
  const [own, ...parts] = problem.parts(threads + 1);
  const output = new Uint8Array(BUFFER_BYTES);
  const name = `${application.name}, client and ${threads} leased${shared}`;
  const measured = await timed(name, setting, async () => {
    for (let step = 0; step < problem.steps; step++) {
      const others = computeParts(executor, application.name, parts);
      local(own as Uint8Array, output);
      await others;
    }
  });
  return [...ways, { ...common, kind: 'client and leased', measured }];
}

async function computeParts(executor: Executor, name: string, parts: readonly Uint8Array[]): Promise<void> {
  await Promise.all(parts.map((part) => executor.invoke(name, part)));
}

async function timed(
  name: string,
  { repetitions }: BenchmarkSetting,
  body: () => Promise<void>,
): Promise<Measurement> {
  const samples = new Float64Array(Math.min(repetitions, 20));
  await body();
  for (let i = 0; i < samples.length; i++) {
    const begin = monotonicNanoseconds();
    await body();
    samples[i] = monotonicNanoseconds() - begin;
  }
  return measurement(name, samples);
}

/** How many times faster than the client alone; for weak scaling with the problem that has grown. */
function speedup(way: Way, ways: readonly Way[]): number {
  const base = ways.find(({ application, kind }) => application === way.application && kind === 'alone');
  const work = way.kind === 'weak' ? way.threads : 1;
  return base === undefined ? 0 : (work * base.measured.p50) / way.measured.p50;
}

function fact(way: Way, ways: readonly Way[]): readonly [string, number] {
  return [
    `${way.measured.name}: times as fast as the client alone`,
    Math.round(speedup(way, ways) * 100) / 100,
  ];
}

function charts(ways: readonly Way[], subtitle: string | undefined): Record<string, string> {
  const names = [...new Set(ways.map(({ application }) => application))];
  const kinds = ['strong', 'weak', 'client and leased'] as const;
  const lines = names.flatMap((application) =>
    kinds.map((kind) => ({
      name: `${application}, ${kind}`,
      points: ways
        .filter((way) => way.application === application && way.kind === kind && !way.isOversubscribed)
        .map((way) => [way.threads, speedup(way, ways)] as const),
    })),
  );
  return {
    scaling: lineChart({
      title: 'Times as fast as the client alone (only as many threads as there are cores)',
      subtitle,
      x: { name: 'leased threads', unit: 'count', log: true },
      y: { name: 'times as fast', unit: 'ratio' },
      lines,
    }),
    speedup: barChart({
      title: 'One leased core: times as fast as the client alone',
      subtitle,
      categories: names,
      value: { name: 'times as fast', unit: 'ratio' },
      series: kinds.map((kind) => ({
        name: kind,
        values: names.map((application) => {
          const way = ways.find((each) => each.application === application && each.kind === kind);
          return way === undefined ? undefined : speedup(way, ways);
        }),
      })),
    }),
  };
}
