import type { Executor } from '@rfaas/client';
import { monotonicNanoseconds } from '@rfaas/core';
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
  /** Options of the transport's URL beside the kind of endpoints. */
  readonly options?: string;
}

const FABRICS: readonly Fabric[] = [
  { provider: 'tcp', endpoint: 'msg', sleeps: true, streams: true },
  { provider: 'tcp;ofi_rxm', endpoint: 'rdm', sleeps: false, streams: false },
  { provider: 'tcp;ofi_rxm', endpoint: 'rdm', options: '&wait=poll', sleeps: false, streams: false },
  { provider: 'shm', endpoint: 'rdm', sleeps: false, streams: false },
];
const ROUNDS = 7;
const MOST_SAMPLES = 20_000;
const MOST_WARM_SAMPLES = 500;
const WARM_UP = 5000;
const PAUSE_MS = 0.5;
const STREAM_BYTES = 1024 * 1024;
const STREAM_COUNT = 640;
const STREAM_WARM_UP = 64;
/** Inputs of a stream whose time is taken together, as in the program in C. */
const GROUP = 16;
const DEPTH = 8;
/** Both sides of libfabric alone spin, too. */
const SPIN_MICROSECONDS = 10_000;

interface Found {
  readonly measurements: readonly Measurement[];
  readonly facts: Readonly<Record<string, number | string>>;
}

/** Whole invocations over libfabric, against the same traffic of libfabric alone on the same provider in the same run. */
export const libfabric: Benchmark = {
  name: 'libfabric',
  description: 'libfabric alone, hot and warm invocations and 1 MiB inputs, on tcp, tcp;ofi_rxm and shm',
  async run(setting) {
    const found: Found[] = [];
    for (const fabric of FABRICS) found.push(await measureFabric(fabric, setting));
    return {
      settings: {
        processors: setting.processors,
        rounds: `${roundsOf(setting)}, libfabric alone and invocations in turn; rows are those of the round with the median ratio`,
        warmUp: `${WARM_UP} invocations`,
        pauseMs: PAUSE_MS,
        depth: DEPTH,
      },
      measurements: found.flatMap(({ measurements }) => measurements),
      facts: Object.assign({}, ...found.map(({ facts }) => facts)) as Record<string, number | string>,
    };
  },
};

async function measureFabric(fabric: Fabric, setting: BenchmarkSetting): Promise<Found> {
  const { processors, wants } = setting;
  const bytes = setting.sizes[0] ?? 64;
  const count = Math.min(MOST_SAMPLES, setting.count);
  const { provider, endpoint, options = '' } = fabric;
  const name = `${provider} ${endpoint}${options}`;
  const pairs: Pair[] = [
    {
      what: 'hot native',
      floor: { mode: 'spin', bytes, count },
      hotTimeout: -1,
      take: (executor) => takeHot(executor, `${name}, hot native, ${bytes} B`, bytes, count, setting),
    },
  ];
  if (fabric.sleeps) {
    pairs.push({
      what: 'warm native',
      floor: { mode: 'sleep', bytes, count: Math.min(MOST_WARM_SAMPLES, count) },
      hotTimeout: 0,
      take: (executor) => takeWarm(executor, `${name}, warm native, ${bytes} B`, bytes, count),
    });
  }
  if (fabric.streams) {
    const floor: Floor = { mode: 'stream', bytes: STREAM_BYTES, count: Math.min(STREAM_COUNT, count) };
    pairs.push({
      ...{ what: `1 MiB inputs, ${DEPTH} under way`, floor, hotTimeout: -1 },
      take: (executor) => streamInputs(executor, `${name}, 1 MiB inputs by promise`, floor.count),
    });
  }
  const wanted = pairs.filter(({ what }) => wants(`${name}, ${what}`));
  if (wanted.length === 0) return { measurements: [], facts: {} };

  const transport = `libfabric+${provider}://127.0.0.1:0?endpoint=${endpoint}${options}`;
  await using node = await LocalNode.start({ processors: [processors[1]], transport });
  await using client = node.client();
  await using lease = await client.lease({ cores: 1, memoryMiB: 1024 });
  const library = nativeFile('libbench_functions.so');
  const measurements: Measurement[] = [];
  const facts: Record<string, number | string> = {};
  for (const pair of wanted) {
    const { mode, ...floor } = pair.floor;
    const alone = async (): Promise<Measurement> => {
      setting.progress.show(`${name}, libfabric alone, ${mode}`);
      const parameters = [provider, endpoint, ...processors, floor.bytes, floor.count, mode];
      const measured = await runNativeProgram('libfabric_latency', parameters);
      return { ...measured, name: `${name}, libfabric alone in C, ${mode}, ${floor.bytes} B` };
    };
    const invocations = async (): Promise<Measurement> => {
      const options = { hotTimeout: pair.hotTimeout, spinMicroseconds: SPIN_MICROSECONDS };
      const memory = { slots: DEPTH, inputBytes: STREAM_BYTES };
      await using executor = await lease.allocate({ library }, { ...options, ...memory });
      pinThread([processors[0]]);
      try {
        return await pair.take(executor);
      } finally {
        pinThread(processors);
      }
    };
    const rounds = await inTurn(alone, invocations, roundsOf(setting));
    const median = rounds[rounds.length >> 1] as Round;
    const ratios = rounds.map(({ ratio }) => Math.round(1000 * ratio) / 1000);
    measurements.push(median.floor, median.measured);
    facts[`${name}: ${pair.what} / libfabric alone`] = ratios[rounds.length >> 1] as number;
    facts[`${name}: ${pair.what} / libfabric alone, rounds`] = ratios.join(' ');
  }
  return { measurements, facts };
}

/** What is measured of libfabric alone: the last parameters of native-shims/bench/libfabric_latency.c. */
interface Floor {
  readonly mode: 'spin' | 'sleep' | 'stream';
  readonly bytes: number;
  readonly count: number;
}

/** Invocations, and what of libfabric alone they are compared with. */
interface Pair {
  readonly what: string;
  readonly floor: Floor;
  readonly hotTimeout: number;
  readonly take: (executor: Executor) => Measurement | Promise<Measurement>;
}

interface Round {
  readonly floor: Measurement;
  readonly measured: Measurement;
  /** Of what was measured to the mean of the floors right before and after. */
  readonly ratio: number;
}

function roundsOf({ quick }: BenchmarkSetting): number {
  return quick ? 1 : ROUNDS;
}

/**
 * Both in turn, so often; sorted by their ratio. The processors of a virtual machine move on their host, and what else runs
 * comes and goes: neighbours in time have the most in common, and the median leaves out those that did not.
 */
async function inTurn(
  floor: () => Promise<Measurement>,
  take: () => Promise<Measurement>,
  rounds: number,
): Promise<Round[]> {
  const found: Round[] = [];
  let before = await floor();
  for (let round = 0; round < rounds; round += 1) {
    const measured = await take();
    const after = await floor();
    found.push({ floor: before, measured, ratio: (2 * net(measured)) / (net(before) + net(after)) });
    before = after;
  }
  return found.sort((one, other) => one.ratio - other.ratio);
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
function takeWarm(executor: Executor, name: string, bytes: number, count: number): Measurement {
  const echo = executor.function('echo');
  using input = executor.allocateInput(bytes);
  using output = executor.allocateOutput(bytes);
  const options = { count: Math.min(MOST_WARM_SAMPLES, count), warmUp: 100 };
  return measurement(
    name,
    sampleAfterPauses(() => void echo.invokeSync(input, output), PAUSE_MS, options),
  );
}

/** The time of one input of 1 MiB with a reply of 8 bytes, eight under way, by promise. */
async function streamInputs(executor: Executor, name: string, count: number): Promise<Measurement> {
  const firstWord = executor.function('first_word');
  const inputs = Array.from({ length: DEPTH }, () => executor.allocateInput(STREAM_BYTES));
  const groups = new StreamTimes(count);
  let left = STREAM_WARM_UP + count;
  const run = async (input: (typeof inputs)[number]): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await firstWord.invoke(input);
      groups.done();
    }
  };
  await Promise.all(inputs.map(run));
  for (const input of inputs) input.free();
  return measurement(name, groups.samples);
}

/** When groups of a stream were done. */
class StreamTimes {
  readonly samples: Float64Array;
  #done = -STREAM_WARM_UP;
  #before = 0;

  constructor(count: number) {
    this.samples = new Float64Array(Math.max(1, Math.floor(count / GROUP)));
  }

  /** One more is. */
  done(): void {
    this.#done += 1;
    if (this.#done < 0 || this.#done % GROUP !== 0) return;
    const now = monotonicNanoseconds();
    const group = this.#done / GROUP - 1;
    if (group >= 0 && group < this.samples.length) this.samples[group] = (now - this.#before) / GROUP;
    this.#before = now;
  }
}
