import { monotonicNanoseconds } from '@rfaas/core';
import type { Executor } from '@rfaas/client';
import type { Measurement } from '../measure/report.ts';
import { lineChart } from '../plots/line-chart.ts';
import { LocalNode } from '../programs/local-node.ts';
import { nativeFile } from '../programs/native-program.ts';
import { pinThread } from '../programs/processors.ts';
import { measureAtFloor, measurement, type Benchmark, type BenchmarkSetting } from './benchmark.ts';
import { FUNCTIONS_MODULE } from './invocation.ts';

const DEPTHS = [1, 2, 4, 8, 16, 32, 64];
const SLOTS = 64;
const WARM_UP = 20_000;
const MOST = 50_000;
const MOST_IN_GROUPS = 400_000;

const CALLS = ['invokeAllSync', 'invoke'] as const;

/** Many invocations in flight on one thread. */
export const pipeline: Benchmark = {
  name: 'pipeline',
  description:
    'invocations a second with 1 to 64 of them in flight on one thread, native and JavaScript: by promise, and in groups ' +
    'by invokeAllSync',
  isReferenced: true,
  async run(setting) {
    const { processors, sizes, transport, quick, wants } = setting;
    const bytes = sizes[0] ?? 64;
    await using node = await LocalNode.start({ processors: [processors[1]], transport });
    await using client = node.client();
    await using lease = await client.lease({ cores: 1, memoryMiB: 1024 });
    const memory = { slots: SLOTS, inputBytes: Math.max(4096, bytes), outputBytes: Math.max(4096, bytes) };
    const measurements: Measurement[] = [];
    const sources = {
      native: { library: nativeFile('libbench_functions.so') },
      JavaScript: { module: FUNCTIONS_MODULE },
    };
    for (const [kind, source] of Object.entries(sources)) {
      await using executor = await lease.allocate(source, { hotTimeout: -1, ...memory });
      pinThread([processors[0]]);
      for (const call of CALLS) {
        for (const depth of quick ? [1, 4] : DEPTHS) {
          const name = `${kind}, ${depth} in flight, ${call}`;
          if (wants(name)) measurements.push(await atDepth({ executor, name, call, depth, bytes }, setting));
        }
      }
      pinThread(processors);
    }
    const lines = Object.keys(sources).flatMap((kind) => CALLS.map((call) => ({ kind, call })));
    return {
      settings: {
        transport,
        processors,
        bytes,
        slots: SLOTS,
        invoke: 'with copied arrays; a sample is from the call to its promise',
        invokeAllSync: 'with mapped buffers; a sample is the time of a group',
      },
      measurements,
      charts: ({ subtitle }) => ({
        throughput: lineChart({
          title: `Invocations a second against those in flight, ${bytes} B, one thread`,
          subtitle,
          x: { name: 'in flight', unit: 'count', log: true },
          y: { name: 'invocations a second', unit: 'per-second' },
          lines: lines.map(({ kind, call }) => ({
            name: `${kind}, ${call}`,
            points: measurements
              .filter(({ name }) => name.startsWith(kind) && name.endsWith(call))
              .map(({ name, perSecond = 0 }) => [Number(/\d+/.exec(name)?.[0]), perSecond] as const),
          })),
        }),
      }),
    };
  },
};

interface Row {
  readonly executor: Executor;
  readonly name: string;
  readonly call: (typeof CALLS)[number];
  readonly depth: number;
  readonly bytes: number;
}

async function atDepth(row: Row, setting: BenchmarkSetting): Promise<Measurement> {
  const { count, progress } = setting;
  const { name, call, bytes } = row;
  progress.show(name);
  return measureAtFloor(setting, async () => {
    if (call === 'invokeAllSync') return inGroups(row, Math.min(count, MOST_IN_GROUPS));
    const total = Math.min(count, MOST);
    await byPromise(row, new Float64Array(Math.min(count, WARM_UP)));
    const samples = new Float64Array(total);
    const begin = monotonicNanoseconds();
    await byPromise(row, samples);
    const elapsed = monotonicNanoseconds() - begin;
    return { ...measurement(name, samples, { bytes }), perSecond: (1e9 * total) / elapsed };
  });
}

/** Groups of `depth`, one after the other: what is in flight falls to none between them. */
function inGroups({ executor, name, depth, bytes }: Row, count: number): Measurement {
  const echo = executor.function('echo');
  const inputs = Array.from({ length: depth }, () => executor.allocateInput(bytes));
  const outputs = Array.from({ length: depth }, () => executor.allocateOutput(bytes));
  try {
    for (let i = 0; i < Math.min(count, WARM_UP); i += depth) echo.invokeAllSync(inputs, outputs);
    const samples = new Float64Array(Math.ceil(count / depth));
    const begin = monotonicNanoseconds();
    let before = begin;
    for (let i = 0; i < samples.length; i++) {
      echo.invokeAllSync(inputs, outputs);
      const now = monotonicNanoseconds();
      samples[i] = now - before;
      before = now;
    }
    const perSecond = (1e9 * samples.length * depth) / (before - begin);
    return { ...measurement(name, samples, { bytes }), perSecond };
  } finally {
    for (const buffer of [...inputs, ...outputs]) buffer.free();
  }
}

/** Keeps `depth` invocations under way until all samples are taken. */
async function byPromise({ executor, depth, bytes }: Row, samples: Float64Array): Promise<void> {
  const echo = executor.function('echo');
  const plain = new Uint8Array(bytes);
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < samples.length) {
      const index = next++;
      const begin = monotonicNanoseconds();
      await echo.invoke(plain);
      samples[index] = monotonicNanoseconds() - begin;
    }
  };
  await Promise.all(Array.from({ length: depth }, one));
}
