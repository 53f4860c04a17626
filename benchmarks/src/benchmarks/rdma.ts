import type { Executor, FunctionSource } from '@rfaas/client';
import { readFileSync } from 'node:fs';
import { net, type Measurement } from '../measure/report.ts';
import { sample, sampleAfterPauses } from '../measure/sampling.ts';
import { LocalNode } from '../programs/local-node.ts';
import { measureLoops, measureTransport, nativeFile, runNativeProgram } from '../programs/native-program.ts';
import { nativeTransport } from '../programs/native-transport.ts';
import { pinThread } from '../programs/processors.ts';
import { measurement, type Benchmark, type BenchmarkSetting } from './benchmark.ts';
import { FUNCTIONS_MODULE } from './invocation.ts';
import { measureFromTypeScript } from './transport-latency.ts';

/** The address and the device of the Soft-RoCE machine, or what a machine with RDMA is told. */
const ADDRESS = process.env['SOFT_ROCE_ADDRESSES']?.split(',')[0] ?? process.env['RFAAS_RDMA_ADDRESS'];
const DEVICE = process.env['SOFT_ROCE_DEVICES']?.split(',')[0] ?? process.env['RFAAS_RDMA_DEVICE'];
/** The SDK's code is fully compiled by then, also where an emulated processor takes a second for that. */
const WARM_UP = 100_000;
/** Invocations among which one that waits for a timer would be seen. */
const STALL_COUNT = 10_000;
const MOST_SAMPLES = 10_000;
const MOST_WARM_SAMPLES = 1000;
const WARM_UP_WARM = 500;
const PAUSE_MS = 0.5;

/** Whole invocations on a real RDMA device, against the round trip of libibverbs alone. */
export const rdma: Benchmark = {
  name: 'rdma',
  description:
    'on an RDMA device (RFAAS_RDMA_ADDRESS, or npm run test:soft-roce -- npm run bench -- rdma): libibverbs alone, rdmalib, ' +
    'hot and warm invocations',
  async run(setting) {
    const address = requireAddress();
    const url = `verbs://${address}:0`;
    const bytes = setting.sizes[0] ?? 64;
    const count = Math.min(MOST_SAMPLES, setting.count);
    const few = { ...setting, count };
    const raw = await measureRaw(address, few, bytes);
    const [inC, loopsInC] = await measureInC(url, few, bytes);
    const inTypeScript = await measureFromTypeScript(url, few, bytes);
    const invocations = await measureInvocations(url, address, few, bytes);
    return {
      settings: {
        transport: url,
        processors: setting.processors,
        warmUp: `${WARM_UP} invocations`,
        pauseMs: PAUSE_MS,
      },
      measurements: [raw.spin, raw.events, raw.pauses, inC, inTypeScript, loopsInC, ...invocations.all].map(
        (each) => ({
          ...each,
          timesTransport: net(each) / net(raw.spin),
        }),
      ),
      facts: {
        'both loops in C / libibverbs': times(loopsInC, raw.spin),
        ...invocations.facts,
      },
    };
  },
};

function requireAddress(): string {
  if (ADDRESS !== undefined) return ADDRESS;
  throw new Error(
    'this benchmark needs an RDMA device: set RFAAS_RDMA_ADDRESS to an address of one, or use Soft-RoCE: ' +
      'npm run test:soft-roce -- npm run bench -- rdma',
  );
}

function times(one: Measurement, ...others: readonly Measurement[]): number {
  const floor = others.reduce((sum, other) => sum + net(other), 0) / others.length;
  return Math.round((net(one) / floor) * 1000) / 1000;
}

type RawMode = 'spin' | 'events' | 'pauses';
const WHAT: Readonly<Record<RawMode, string>> = { spin: '', events: ', events', pauses: ', events, pauses' };

/** The client spins; the server spins, or sleeps until the event of each request, which comes at once or after a pause. */
async function measureRaw(
  address: string,
  setting: BenchmarkSetting,
  bytes: number,
): Promise<Record<RawMode, Measurement>> {
  setting.progress.show('libibverbs alone');
  return {
    spin: await rawOf('spin', address, setting, bytes),
    events: await rawOf('events', address, setting, bytes),
    pauses: await rawOf('pauses', address, setting, bytes),
  };
}

async function rawOf(
  mode: RawMode,
  address: string,
  { processors, count }: BenchmarkSetting,
  bytes: number,
): Promise<Measurement> {
  const samples = mode === 'spin' ? count : Math.min(count, MOST_WARM_SAMPLES);
  const measured = await runNativeProgram('verbs_latency', [address, ...processors, bytes, samples, mode]);
  return { ...measured, name: `libibverbs, C, ${bytes} B${WHAT[mode]}` };
}

/** What TypeScript stands on, in C: the transport, and both loops over it. Both sides spin. */
async function measureInC(
  url: string,
  { processors, count, progress }: BenchmarkSetting,
  bytes: number,
): Promise<[Measurement, Measurement]> {
  progress.show('in C');
  const library = nativeTransport(url);
  const setting = { processors, bytes, count };
  return [await measureTransport(library, setting), await measureLoops(library, setting, 'unmapped')];
}

interface Invocations {
  readonly all: readonly Measurement[];
  readonly facts: Readonly<Record<string, number>>;
}

/** Native ones right between two runs of libibverbs alone: what else the machine does changes both within seconds. */
async function measureInvocations(
  url: string,
  address: string,
  setting: BenchmarkSetting,
  bytes: number,
): Promise<Invocations> {
  const { processors } = setting;
  await using node = await LocalNode.start({ processors: [processors[1]], transport: url });
  await using client = node.client();
  await using lease = await client.lease({ cores: 1, memoryMiB: 1024 });
  pinThread([processors[0]]);
  const measure = async <Result>(
    source: FunctionSource,
    hotTimeout: number,
    take: (executor: Executor) => Result,
  ): Promise<Result> => {
    await using executor = await lease.allocate(source, { hotTimeout });
    return take(executor);
  };
  const hotOf = (kind: string) => (executor: Executor) =>
    hot(executor, `hot ${kind}, ${bytes} B`, bytes, setting);
  const warmOf = (kind: string) => (executor: Executor) =>
    warm(executor, `warm ${kind}, ${bytes} B`, bytes, setting);
  const native = { library: nativeFile('libbench_functions.so') };
  const javascript = { module: FUNCTIONS_MODULE };
  const raw = (mode: RawMode): Promise<Measurement> => rawOf(mode, address, setting, bytes);
  const spinBefore = await raw('spin');
  const before = receiverNotReady();
  const hotNative = await measure(native, -1, hotOf('native'));
  const notReady = receiverNotReady() - before;
  const spinAfter = await raw('spin');
  const hotJavaScript = await measure(javascript, -1, hotOf('JavaScript'));
  const eventsBefore = [await raw('events'), await raw('pauses')] as const;
  const [warmNative, warmAfterPauses] = await measure(native, 0, warmOf('native'));
  const eventsAfter = [await raw('events'), await raw('pauses')] as const;
  const warmJavaScript = await measure(javascript, 0, warmOf('JavaScript'));
  pinThread(processors);
  const all = [hotNative, hotJavaScript, warmNative, warmAfterPauses, ...warmJavaScript];
  const facts = {
    'hot native / libibverbs beside it': times(hotNative, spinBefore, spinAfter),
    'warm native / libibverbs beside it, server waits for events': times(
      warmNative,
      eventsBefore[0],
      eventsAfter[0],
    ),
    'the same, after pauses': times(warmAfterPauses, eventsBefore[1], eventsAfter[1]),
    'libibverbs after / before hot native': times(spinAfter, spinBefore),
    [`slowest of ${hotNative.count} / median`]: Math.round((hotNative.max / hotNative.p50) * 10) / 10,
    'receivers not ready (rcvd_rnr_err)': notReady,
  };
  return { all, facts };
}

function hot(
  executor: Executor,
  name: string,
  bytes: number,
  { count, progress }: BenchmarkSetting,
): Measurement {
  const echo = executor.function('echo');
  using input = executor.allocateInput(bytes);
  using output = executor.allocateOutput(bytes);
  const options = {
    count: Math.max(count, STALL_COUNT),
    warmUp: WARM_UP,
    onProgress: progress.counting(name, count),
  };
  return measurement(
    name,
    sample(() => void echo.invokeSync(input, output), options),
  );
}

/** By an executor that is always warm: one after the other, and after pauses in which its thread falls asleep for sure. */
function warm(
  executor: Executor,
  name: string,
  bytes: number,
  { count, progress }: BenchmarkSetting,
): [Measurement, Measurement] {
  const echo = executor.function('echo');
  using input = executor.allocateInput(bytes);
  using output = executor.allocateOutput(bytes);
  const body = (): void => void echo.invokeSync(input, output);
  const samples = Math.min(count, MOST_WARM_SAMPLES);
  const options = { count: samples, warmUp: WARM_UP_WARM, onProgress: progress.counting(name, samples) };
  return [
    measurement(name, sample(body, options)),
    measurement(`${name}, pauses`, sampleAfterPauses(body, PAUSE_MS, options)),
  ];
}

/** How often the device found no receive posted; NaN where it does not count. */
function receiverNotReady(): number {
  try {
    return Number(
      readFileSync(`/sys/class/infiniband/${DEVICE ?? ''}/ports/1/hw_counters/rcvd_rnr_err`, 'utf8'),
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Number.NaN;
    throw error;
  }
}
