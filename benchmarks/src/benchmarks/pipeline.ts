import { monotonicNanoseconds } from '@rfaas/core';
import type { Executor } from '@rfaas/client';
import type { Measurement } from '../measure/report.ts';
import { lineChart } from '../plots/line-chart.ts';
import { LocalNode } from '../programs/local-node.ts';
import { nativeFile } from '../programs/native-program.ts';
import { pinThread } from '../programs/processors.ts';
import { measurement, type Benchmark, type BenchmarkSetting } from './benchmark.ts';
import { FUNCTIONS_MODULE } from './invocation.ts';

const DEPTHS = [1, 2, 4, 8, 16, 32, 64];
const SLOTS = 64;
const WARM_UP = 20_000;
const MOST = 200_000;

/** Many invocations in flight on one thread. */
export const pipeline: Benchmark = {
  name: 'pipeline',
  description:
    'invocations a second with 1 to 64 of them in flight on one thread, native and JavaScript, by promise',
  async run(setting) {
    const { processors, sizes, transport, quick } = setting;
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
      for (const depth of quick ? [1, 4] : DEPTHS) {
        measurements.push(await atDepth(executor, kind, depth, bytes, setting));
      }
      pinThread(processors);
    }
    return {
      settings: { transport, processors, bytes, slots: SLOTS, latency: 'from the call to its promise' },
      measurements,
      charts: ({ subtitle }) => ({
        throughput: lineChart({
          title: `Invocations a second against those in flight, ${bytes} B, one thread`,
          subtitle,
          x: { name: 'in flight', unit: 'count', log: true },
          y: { name: 'invocations a second', unit: 'per-second' },
          lines: Object.keys(sources).map((kind) => ({
            name: kind,
            points: measurements
              .filter(({ name }) => name.startsWith(kind))
              .map(({ name, perSecond = 0 }) => [Number(/\d+/.exec(name)?.[0]), perSecond] as const),
          })),
        }),
      }),
    };
  },
};

async function atDepth(
  executor: Executor,
  kind: string,
  depth: number,
  bytes: number,
  { count, progress }: BenchmarkSetting,
): Promise<Measurement> {
  const name = `${kind}, ${depth} in flight`;
  const total = Math.min(count, MOST);
  progress.show(name);
  await run(executor, depth, bytes, new Float64Array(Math.min(total, WARM_UP)));
  const samples = new Float64Array(total);
  const begin = monotonicNanoseconds();
  await run(executor, depth, bytes, samples);
  const elapsed = monotonicNanoseconds() - begin;
  return { ...measurement(name, samples, { bytes }), perSecond: (1e9 * total) / elapsed };
}

/** Keeps `depth` invocations under way until all samples are taken. */
async function run(executor: Executor, depth: number, bytes: number, samples: Float64Array): Promise<void> {
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
