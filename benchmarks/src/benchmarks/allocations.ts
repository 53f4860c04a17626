import { PerformanceObserver } from 'node:perf_hooks';
import type { Executor, FunctionSource } from '@rfaas/client';
import { LocalNode } from '../programs/local-node.ts';
import { nativeFile } from '../programs/native-program.ts';
import { pinThread } from '../programs/processors.ts';
import type { Benchmark, BenchmarkSetting } from './benchmark.ts';
import { FUNCTIONS_MODULE } from './invocation.ts';

const INVOCATIONS = 10_000_000;
const FEW = 10_000;
/** Between two looks at the executor's heap. */
const LOOKS = 20;
const WARM_UP = 100_000;

/** What the hot paths leave to the garbage collector. */
export const allocations: Benchmark = {
  name: 'allocations',
  description:
    'ten million hot invocations with buffers: how often garbage was collected meanwhile, and how the heaps of client and ' +
    'executor have grown',
  async run(setting) {
    const { processors, transport, quick } = setting;
    const count = quick ? FEW : INVOCATIONS;
    await using node = await LocalNode.start({ processors: [processors[1]], transport });
    await using client = node.client();
    await using lease = await client.lease({ cores: 1, memoryMiB: 1024 });
    const take = async (kind: string, source: FunctionSource): Promise<Record<string, number>> => {
      await using executor = await lease.allocate(source, { hotTimeout: -1 });
      pinThread([processors[0]]);
      const found = await invokeOften(executor, count, kind === 'JavaScript', setting);
      pinThread(processors);
      return Object.fromEntries(Object.entries(found).map(([what, value]) => [`${kind}: ${what}`, value]));
    };
    return {
      settings: { transport, processors, invocations: count, bytes: 64, looks: LOOKS },
      measurements: [],
      facts: {
        ...(await take('native', { library: nativeFile('libbench_functions.so') })),
        ...(await take('JavaScript', { module: FUNCTIONS_MODULE })),
      },
    };
  },
};

async function invokeOften(
  executor: Executor,
  count: number,
  hasHeap: boolean,
  { progress }: BenchmarkSetting,
): Promise<Record<string, number>> {
  const echo = executor.function('echo');
  using input = executor.allocateInput(64);
  using output = executor.allocateOutput(64);
  for (let i = 0; i < WARM_UP; i++) echo.invokeSync(input, output);
  let collections = 0;
  const observer = new PerformanceObserver((list) => void (collections += list.getEntries().length));
  observer.observe({ entryTypes: ['gc'] });
  // What was collected up to now is told now.
  await new Promise((resolve) => setImmediate(resolve));
  collections = 0;
  const heaps: number[] = [];
  const before = process.memoryUsage().heapUsed;
  for (let look = 0; look < LOOKS; look++) {
    for (let i = 0; i < count / LOOKS; i++) echo.invokeSync(input, output);
    if (hasHeap) heaps.push(heapOf(executor));
    progress.show(`${look + 1} of ${LOOKS}`);
  }
  const after = process.memoryUsage().heapUsed;
  await new Promise((resolve) => setImmediate(resolve));
  observer.disconnect();
  return {
    'collections in the client': collections,
    'bytes by which the heap of the client has grown': after - before,
    ...(hasHeap
      ? {
          'collections in the executor (its heap was smaller than at the look before)': heaps.filter(
            (heap, look) => heap < (heaps[look - 1] ?? 0),
          ).length,
          'bytes by which the heap of the executor has grown': (heaps.at(-1) ?? 0) - (heaps[0] ?? 0),
        }
      : {}),
  };
}

function heapOf(executor: Executor): number {
  const bytes = executor.invokeSync('heap', new Uint8Array(0));
  return new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0, true);
}
