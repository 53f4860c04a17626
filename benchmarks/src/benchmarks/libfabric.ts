import type { Executor } from '@rfaas/client';
import { net, type Measurement } from '../measure/report.ts';
import { sample, sampleAfterPauses } from '../measure/sampling.ts';
import { LocalNode } from '../programs/local-node.ts';
import { nativeFile, runNativeProgram } from '../programs/native-program.ts';
import { pinThread } from '../programs/processors.ts';
import { measurement, type Benchmark, type BenchmarkSetting } from './benchmark.ts';

/** A provider with the kind of endpoints that it is used with. */
interface Fabric {
  readonly provider: string;
  readonly endpoint: 'msg' | 'rdm';
  /** False where a thread cannot sleep until something arrives. */
  readonly sleeps: boolean;
  readonly streams: boolean;
}

const FABRICS: readonly Fabric[] = [
  { provider: 'tcp', endpoint: 'msg', sleeps: true, streams: true },
  { provider: 'tcp;ofi_rxm', endpoint: 'rdm', sleeps: false, streams: false },
  { provider: 'shm', endpoint: 'rdm', sleeps: false, streams: false },
];
const MOST_SAMPLES = 20_000;
const MOST_WARM_SAMPLES = 1000;
const WARM_UP = 5000;
const PAUSE_MS = 0.5;
const STREAM_BYTES = 1024 * 1024;
const STREAM_COUNT = 2000;
const DEPTH = 8;
/** A floor that moved by more than this belongs to two states of the machine. */
const STEADY = 1.1;
const ATTEMPTS = 3;

interface Found {
  readonly measurements: readonly Measurement[];
  readonly facts: Readonly<Record<string, number>>;
}

/** Whole invocations over libfabric, against the round trip of libfabric alone on the same provider in the same run. */
export const libfabric: Benchmark = {
  name: 'libfabric',
  description: 'libfabric alone, hot and warm invocations and 1 MiB inputs, on tcp, tcp;ofi_rxm and shm',
  async run(setting) {
    const found: Found[] = [];
    for (const fabric of FABRICS) found.push(await measureFabric(fabric, setting));
    return {
      settings: {
        processors: setting.processors,
        warmUp: `${WARM_UP} invocations`,
        pauseMs: PAUSE_MS,
        depth: DEPTH,
      },
      measurements: found.flatMap(({ measurements }) => measurements),
      facts: Object.assign({}, ...found.map(({ facts }) => facts)) as Record<string, number>,
    };
  },
};

async function measureFabric(fabric: Fabric, setting: BenchmarkSetting): Promise<Found> {
  const { processors } = setting;
  const bytes = setting.sizes[0] ?? 64;
  const count = Math.min(MOST_SAMPLES, setting.count);
  const name = `${fabric.provider} ${fabric.endpoint}`;
  const raw = async (mode: string, size: number, rounds: number): Promise<Measurement> => {
    setting.progress.show(`${name}, libfabric alone, ${mode}`);
    const parameters = [fabric.provider, fabric.endpoint, ...processors, size, rounds, mode];
    const measured = await runNativeProgram('libfabric_latency', parameters);
    return { ...measured, name: `${name}, libfabric alone in C, ${mode}, ${size} B` };
  };
  const transport = `libfabric+${fabric.provider}://127.0.0.1:0?endpoint=${fabric.endpoint}`;
  await using node = await LocalNode.start({ processors: [processors[1]], transport });
  await using client = node.client();
  await using lease = await client.lease({ cores: 1, memoryMiB: 1024 });
  const library = nativeFile('libbench_functions.so');
  const invoke = async <Result>(
    hotTimeout: number,
    use: (executor: Executor) => Result,
  ): Promise<Awaited<Result>> => {
    await using executor = await lease.allocate(
      { library },
      { hotTimeout, slots: DEPTH, inputBytes: STREAM_BYTES },
    );
    pinThread([processors[0]]);
    try {
      return await use(executor);
    } finally {
      pinThread(processors);
    }
  };
  const hot = await besideFloor(
    () => raw('spin', bytes, count),
    () =>
      invoke(-1, (executor) => takeHot(executor, `${name}, hot native, ${bytes} B`, bytes, count, setting)),
  );
  const facts: Record<string, number> = { [`${name}: hot native / libfabric alone`]: hot.ratio };
  const measurements = [hot.floor, hot.measured];
  if (fabric.sleeps) {
    const warm = await besideFloor(
      () => raw('sleep', bytes, MOST_WARM_SAMPLES),
      () => invoke(0, (executor) => takeWarm(executor, `${name}, warm native, ${bytes} B`, bytes)),
    );
    measurements.push(warm.floor, warm.measured);
    facts[`${name}: warm native / libfabric alone, server sleeps`] = warm.ratio;
  }
  if (fabric.streams) {
    const stream = await besideFloor(
      () => raw('stream', STREAM_BYTES, STREAM_COUNT),
      () => invoke(-1, (executor) => streamInputs(executor, `${name}, ${DEPTH} inputs of 1 MiB under way`)),
    );
    measurements.push(stream.floor, stream.measured);
    facts[`${name}: MiB/s of libfabric alone, depth ${DEPTH}`] = Math.round(1e9 / net(stream.floor));
    facts[`${name}: MiB/s of 1 MiB inputs, depth ${DEPTH}`] = Math.round(1e9 / net(stream.measured));
  }
  return { measurements, facts };
}

/** What was measured with its floor, of right before. */
interface BesideFloor {
  readonly floor: Measurement;
  readonly measured: Measurement;
  /** Of the measurement to the mean of the floors before and after. */
  readonly ratio: number;
}

/**
 * Measures with libfabric alone right before and after, again when that moved meanwhile: the processors of a virtual
 * machine move on their host.
 */
async function besideFloor(
  floor: () => Promise<Measurement>,
  take: () => Promise<Measurement>,
): Promise<BesideFloor> {
  for (let attempt = 1; ; attempt++) {
    const before = await floor();
    const measured = await take();
    const [one, other] = [net(before), net(await floor())];
    if (Math.max(one, other) <= STEADY * Math.min(one, other) || attempt === ATTEMPTS) {
      const ratio = Math.round((2000 * net(measured)) / (one + other)) / 1000;
      return { floor: before, measured, ratio };
    }
  }
}

function takeHot(
  executor: Executor,
  name: string,
  bytes: number,
  count: number,
  { progress }: BenchmarkSetting,
): Measurement {
  const echo = executor.function('echo');
  using input = executor.allocateInput(bytes);
  using output = executor.allocateOutput(bytes);
  const options = { count, warmUp: WARM_UP, onProgress: progress.counting(name, count) };
  return measurement(
    name,
    sample(() => void echo.invokeSync(input, output), options),
  );
}

/** After pauses in which the executor's thread falls asleep. */
function takeWarm(executor: Executor, name: string, bytes: number): Measurement {
  const echo = executor.function('echo');
  using input = executor.allocateInput(bytes);
  using output = executor.allocateOutput(bytes);
  return measurement(
    name,
    sampleAfterPauses(() => void echo.invokeSync(input, output), PAUSE_MS, {
      count: MOST_WARM_SAMPLES,
      warmUp: 100,
    }),
  );
}

/** The time of one input of 1 MiB with a reply of 8 bytes, eight under way. */
async function streamInputs(executor: Executor, name: string): Promise<Measurement> {
  const firstWord = executor.function('first_word');
  const inputs = Array.from({ length: DEPTH }, () => executor.allocateInput(STREAM_BYTES));
  let left = STREAM_COUNT;
  const run = async (input: (typeof inputs)[number]): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await firstWord.invoke(input);
    }
  };
  await Promise.all(inputs.map(async (input) => void (await firstWord.invoke(input))));
  const begin = process.hrtime.bigint();
  await Promise.all(inputs.map(run));
  const nanoseconds = Number(process.hrtime.bigint() - begin) / STREAM_COUNT;
  for (const input of inputs) input.free();
  return measurement(name, Float64Array.of(nanoseconds));
}
