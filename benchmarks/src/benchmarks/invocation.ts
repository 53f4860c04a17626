import type { Executor } from '@rfaas/client';
import { join } from 'node:path';
import { relate, type Measurement } from '../measure/report.ts';
import { sample, sampleAfterPauses, sampleAsync } from '../measure/sampling.ts';
import { LocalNode } from '../programs/local-node.ts';
import {
  measureCacheLine,
  measureLoops,
  measureTransport,
  nativeFile,
  runNativeProgram,
} from '../programs/native-program.ts';
import { pinThread } from '../programs/processors.ts';
import { measurement, type Benchmark, type BenchmarkSetting } from './benchmark.ts';

/** The module of benchmarks/functions. */
export const FUNCTIONS_MODULE = join(import.meta.dirname, '../../functions/functions.js');

const WARM_UP = 20_000;
const MEBIBYTE = 1_048_576;
/** Sleeping and the event loop take microseconds: fewer samples do. */
const SLOWER = 20;
/** Long enough for a thread that is never hot to fall asleep. */
const PAUSE_MS = 0.5;

/** Whole invocations as a user makes them. */
export const invocation: Benchmark = {
  name: 'invocation',
  description:
    'echo through the client SDK and a real executor: hot native, hot JavaScript, promises, warm, and 1 MiB payloads',
  async run(setting) {
    const { processors, count, sizes, progress } = setting;
    progress.show('cache-line');
    const measurements: Measurement[] = [await measureCacheLine(processors, count)];
    measurements.push(await measureTransport(processors, sizes[0] ?? 64, count));
    measurements.push(await measureLoops(processors, sizes[0] ?? 64, count));
    await using node = await LocalNode.start({ processors: [processors[1]] });
    await using client = node.client();
    await using lease = await client.lease({ cores: 1, memoryMiB: 1024 });
    pinThread([processors[0]]);
    const facts: Record<string, number> = {};
    {
      await using native = await lease.allocate(
        { library: nativeFile('libbench_functions.so') },
        { hotTimeout: -1 },
      );
      for (const bytes of sizes) measurements.push(...hot(native, 'native', bytes, setting));
      measurements.push(await promised(native, sizes[0] ?? 64, setting));
      Object.assign(facts, await largePayloads(native, setting, measurements));
    }
    {
      await using javascript = await lease.allocate({ module: FUNCTIONS_MODULE }, { hotTimeout: -1 });
      for (const bytes of sizes) measurements.push(...hot(javascript, 'JavaScript', bytes, setting));
    }
    {
      await using warm = await lease.allocate(
        { library: nativeFile('libbench_functions.so') },
        { hotTimeout: 0 },
      );
      measurements.push(warmInvocation(warm, sizes[0] ?? 64, setting));
    }
    pinThread(processors);
    const settings = {
      transport: 'shm',
      client: `pinned to processor ${processors[0]}`,
      executor: `pinned to processor ${processors[1]}`,
      warmUp: `${WARM_UP} invocations`,
    };
    return { settings, measurements: relate(measurements), facts };
  },
};

/** With buffers of the executor's, and with plain ones that are copied. */
function hot(
  executor: Executor,
  kind: string,
  bytes: number,
  { count, progress }: BenchmarkSetting,
): Measurement[] {
  const echo = executor.function('echo');
  using input = executor.allocateInput(bytes);
  using output = executor.allocateOutput(bytes);
  const plain = new Uint8Array(bytes);
  const samples = Math.max(1000, Math.floor(count / Math.max(1, bytes / 4096)));
  const run = (name: string, body: () => void): Measurement =>
    measurement(
      name,
      sample(body, { count: samples, warmUp: WARM_UP, onProgress: progress.counting(name, samples) }),
    );
  return [
    run(`hot ${kind}, ${bytes} B`, () => void echo.invokeSync(input, output)),
    run(`hot ${kind}, ${bytes} B, plain arrays`, () => void echo.invokeSync(plain)),
  ];
}

async function promised(
  executor: Executor,
  bytes: number,
  { count, progress }: BenchmarkSetting,
): Promise<Measurement> {
  const name = `native by promise, ${bytes} B`;
  const echo = executor.function('echo');
  const plain = new Uint8Array(bytes);
  const samples = Math.ceil(count / SLOWER);
  return measurement(
    name,
    await sampleAsync(() => echo.invoke(plain), {
      count: samples,
      warmUp: 1000,
      onProgress: progress.counting(name, samples),
    }),
  );
}

/** After pauses in which the executor's thread falls asleep. */
function warmInvocation(
  executor: Executor,
  bytes: number,
  { count, progress }: BenchmarkSetting,
): Measurement {
  const name = `warm native, ${bytes} B`;
  const echo = executor.function('echo');
  using input = executor.allocateInput(bytes);
  using output = executor.allocateOutput(bytes);
  const samples = Math.min(5000, Math.ceil(count / SLOWER));
  const body = (): void => void echo.invokeSync(input, output);
  const options = { count: samples, warmUp: 100, onProgress: progress.counting(name, samples) };
  return measurement(name, sampleAfterPauses(body, PAUSE_MS, options));
}

/** A function that copies 1 MiB, against one memcpy: with input and output mapped, and with neither. */
async function largePayloads(
  executor: Executor,
  { processors, count, progress }: BenchmarkSetting,
  measurements: Measurement[],
): Promise<Record<string, number>> {
  const copies = Math.max(200, Math.min(5000, Math.floor(count / 100)));
  const memcpy = {
    ...(await runNativeProgram('memory_copy', [processors[1], MEBIBYTE, copies])),
    name: 'memcpy, 1 MiB',
  };
  const echo = executor.function('echo');
  const plain = new Uint8Array(MEBIBYTE).fill(1);
  using input = executor.allocateInput(MEBIBYTE);
  using output = executor.allocateOutput(MEBIBYTE);
  input.bytes.set(plain);
  const run = (name: string, body: () => void): Measurement =>
    measurement(
      name,
      sample(body, { count: copies, warmUp: 200, onProgress: progress.counting(name, copies) }),
    );
  const mapped = run('hot native, 1 MiB, mapped', () => void echo.invokeSync(input, output));
  const copied = run('hot native, 1 MiB, copied', () => void echo.invokeSync(plain, output));
  const returned = run('hot native, 1 MiB, copied both ways', () => void echo.invokeSync(plain));
  measurements.push(memcpy, mapped, copied, returned);
  return {
    'mapped 1 MiB / memcpy': Math.round((mapped.p50 / memcpy.p50) * 100) / 100,
    'copied 1 MiB / memcpy': Math.round((returned.p50 / memcpy.p50) * 100) / 100,
  };
}
