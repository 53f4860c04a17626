import type { Executor } from '@rfaas/client';
import { join } from 'node:path';
import { relate, type Measurement } from '../measure/report.ts';
import { sample, sampleAfterPauses, sampleAsync } from '../measure/sampling.ts';
import { LocalNode } from '../programs/local-node.ts';
import {
  measureCacheLine,
  measureCopy,
  measureLoops,
  measureTransport,
  measureWakeUp,
  nativeFile,
} from '../programs/native-program.ts';
import { pinThread } from '../programs/processors.ts';
import { measureAtFloor, measurement, type Benchmark, type BenchmarkSetting } from './benchmark.ts';

/** The module of benchmarks/functions. */
export const FUNCTIONS_MODULE = join(import.meta.dirname, '../../functions/functions.js');

/** The SDK's code is fully compiled by then. */
const WARM_UP = 100_000;
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
    progress.show('in C');
    const measurements: Measurement[] = [
      await measureCacheLine(processors, count),
      await measureAtFloor(processors, () => measureTransport(processors, sizes[0] ?? 64, count)),
      await measureAtFloor(processors, () => measureLoops(processors, sizes[0] ?? 64, count, 'mapped')),
    ];
    // Before anything spins on the worker's processor.
    const largeInC = await measureLargeInC(setting);
    await using node = await LocalNode.start({ processors: [processors[1]] });
    await using client = node.client();
    await using lease = await client.lease({ cores: 1, memoryMiB: 1024 });
    const library = { library: nativeFile('libbench_functions.so') };
    pinThread([processors[0]]);
    {
      await using native = await lease.allocate(library, { hotTimeout: -1 });
      for (const bytes of sizes) measurements.push(...(await hot(native, 'native', bytes, setting)));
      measurements.push(await promised(native, sizes[0] ?? 64, setting));
    }
    {
      await using javascript = await lease.allocate({ module: FUNCTIONS_MODULE }, { hotTimeout: -1 });
      for (const bytes of sizes) measurements.push(...(await hot(javascript, 'JavaScript', bytes, setting)));
    }
    let wakeUps;
    {
      await using warm = await lease.allocate(library, { hotTimeout: 0 });
      wakeUps = await wakingUp(warm, sizes[0] ?? 64, setting);
    }
    let large;
    {
      await using native = await lease.allocate(library, { hotTimeout: -1 });
      large = await largePayloads(native, largeInC, setting);
    }
    // What is started inherits it.
    pinThread(processors);
    const unmapped = await largeUnmapped(setting);
    const settings = {
      transport: 'shm',
      client: `pinned to processor ${processors[0]}`,
      executor: `pinned to processor ${processors[1]}`,
      warmUp: `${WARM_UP} invocations`,
    };
    const facts = { ...wakeUps.facts, ...large.facts, ...overMemcpy({ unmapped }, largeInC.memcpy) };
    measurements.push(...wakeUps.measurements, ...large.measurements, unmapped);
    return { settings, measurements: relate(measurements), facts };
  },
};

/** With buffers of the executor's, and with plain ones that are copied. */
async function hot(
  executor: Executor,
  kind: string,
  bytes: number,
  setting: BenchmarkSetting,
): Promise<Measurement[]> {
  const echo = executor.function('echo');
  using input = executor.allocateInput(bytes);
  using output = executor.allocateOutput(bytes);
  const plain = new Uint8Array(bytes);
  const count = Math.max(1000, Math.floor(setting.count / Math.max(1, bytes / 4096)));
  const name = `hot ${kind}, ${bytes} B`;
  return [
    await timed(name, () => void echo.invokeSync(input, output), { count, warmUp: WARM_UP }, setting),
    await timed(
      `${name}, plain arrays`,
      () => void echo.invokeSync(plain),
      { count, warmUp: WARM_UP },
      setting,
    ),
  ];
}

async function timed(
  name: string,
  body: () => void,
  { count, warmUp }: { readonly count: number; readonly warmUp: number },
  { processors, progress }: BenchmarkSetting,
): Promise<Measurement> {
  const options = { count, warmUp, onProgress: progress.counting(name, count) };
  return measureAtFloor(processors, () => measurement(name, sample(body, options)));
}

async function promised(
  executor: Executor,
  bytes: number,
  { count, processors, progress }: BenchmarkSetting,
): Promise<Measurement> {
  const name = `native by promise, ${bytes} B`;
  const echo = executor.function('echo');
  const plain = new Uint8Array(bytes);
  const samples = Math.ceil(count / SLOWER);
  const options = { count: samples, warmUp: 1000, onProgress: progress.counting(name, samples) };
  return measureAtFloor(processors, async () =>
    measurement(name, await sampleAsync(() => echo.invoke(plain), options)),
  );
}

/** After pauses in which the executor's thread falls asleep, and a bare futex that is woken after such pauses. */
async function wakingUp(
  executor: Executor,
  bytes: number,
  setting: BenchmarkSetting,
): Promise<{ measurements: Measurement[]; facts: Record<string, number> }> {
  const { processors } = setting;
  const count = wakeUpCount(setting);
  const bare = await measureAtFloor(processors, () => measureWakeUp(processors, PAUSE_MS, count));
  const warm = await warmInvocation(executor, bytes, setting);
  return {
    measurements: [bare, warm],
    facts: { 'warm native / futex wake-up': Math.round((warm.p50 / bare.p50) * 100) / 100 },
  };
}

function wakeUpCount({ count }: BenchmarkSetting): number {
  return Math.min(5000, Math.ceil(count / SLOWER));
}

async function warmInvocation(
  executor: Executor,
  bytes: number,
  setting: BenchmarkSetting,
): Promise<Measurement> {
  const { processors, progress } = setting;
  const name = `warm native, ${bytes} B`;
  const echo = executor.function('echo');
  using input = executor.allocateInput(bytes);
  using output = executor.allocateOutput(bytes);
  const samples = wakeUpCount(setting);
  const body = (): void => void echo.invokeSync(input, output);
  const options = { count: samples, warmUp: 100, onProgress: progress.counting(name, samples) };
  return await measureAtFloor(processors, () =>
    measurement(name, sampleAfterPauses(body, PAUSE_MS, options)),
  );
}

interface LargeInC {
  readonly memcpy: Measurement;
  readonly unmapped: Measurement;
}

async function measureLargeInC(setting: BenchmarkSetting): Promise<LargeInC> {
  const { processors } = setting;
  const count = largeCount(setting);
  return {
    memcpy: await measureAtFloor(processors, () => measureCopy(processors[1], MEBIBYTE, count)),
    unmapped: await measureAtFloor(processors, () => measureLoops(processors, MEBIBYTE, count, 'unmapped')),
  };
}

function largeCount({ count }: BenchmarkSetting): number {
  return Math.max(200, Math.min(5000, Math.floor(count / 100)));
}

/**
 * A function that copies 1 MiB, against one memcpy: with input and output mapped; unmapped, where the transport copies
 * both registered buffers; and with arrays of JavaScript, which are copied once more.
 */
async function largePayloads(
  executor: Executor,
  { memcpy, unmapped }: LargeInC,
  setting: BenchmarkSetting,
): Promise<{ measurements: Measurement[]; facts: Record<string, number> }> {
  const count = largeCount(setting);
  const times = { count, warmUp: 200 };
  const echo = executor.function('echo');
  const plain = new Uint8Array(MEBIBYTE).fill(1);
  using input = executor.allocateInput(MEBIBYTE);
  using output = executor.allocateOutput(MEBIBYTE);
  input.bytes.set(plain);
  const mapped = await timed(
    'hot native, 1 MiB, mapped',
    () => void echo.invokeSync(input, output),
    times,
    setting,
  );
  const plainInput = await timed(
    'hot native, 1 MiB, plain input',
    () => void echo.invokeSync(plain, output),
    times,
    setting,
  );
  const plainBoth = await timed(
    'hot native, 1 MiB, plain arrays',
    () => void echo.invokeSync(plain),
    times,
    setting,
  );
  const others = { mapped, 'unmapped in C': unmapped, 'plain input': plainInput, 'plain arrays': plainBoth };
  return { measurements: [memcpy, ...Object.values(others)], facts: overMemcpy(others, memcpy) };
}

/** The same function and buffers where the transport maps nothing: it copies the input, and the output. */
async function largeUnmapped(setting: BenchmarkSetting): Promise<Measurement> {
  const { processors } = setting;
  await using node = await LocalNode.start({
    processors: [processors[1]],
    transport: 'shm://0?direct_map=0',
  });
  await using client = node.client();
  await using lease = await client.lease({ cores: 1, memoryMiB: 1024 });
  const library = { library: nativeFile('libbench_functions.so') };
  await using executor = await lease.allocate(library, { hotTimeout: -1 });
  pinThread([processors[0]]);
  const echo = executor.function('echo');
  using input = executor.allocateInput(MEBIBYTE);
  using output = executor.allocateOutput(MEBIBYTE);
  input.bytes.fill(1);
  const times = { count: largeCount(setting), warmUp: 200 };
  try {
    const invoke = (): void => void echo.invokeSync(input, output);
    return await timed('hot native, 1 MiB, unmapped', invoke, times, setting);
  } finally {
    pinThread(processors);
  }
}

function overMemcpy(
  measurements: Readonly<Record<string, Measurement>>,
  memcpy: Measurement,
): Record<string, number> {
  const rounded = (ratio: number): number => Math.round(ratio * 100) / 100;
  return Object.fromEntries(
    Object.entries(measurements).map(([name, { p50 }]) => [
      `1 MiB ${name} / memcpy`,
      rounded(p50 / memcpy.p50),
    ]),
  );
}
