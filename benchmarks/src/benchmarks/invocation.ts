import type { Executor } from '@rfaas/client';
import { join } from 'node:path';
import { parseTransportUrl, formatTransportUrl } from '@rfaas/rdmalib';
import { relate, type Measurement } from '../measure/report.ts';
import { sample, sampleAfterPauses, sampleAsync, sampleAsyncAfterPauses } from '../measure/sampling.ts';
import { formatQuantity } from '../plots/units.ts';
import { LocalNode } from '../programs/local-node.ts';
import {
  measureCacheLine,
  measureCopy,
  measureLoops,
  measureTransport,
  measureWakeUp,
  nativeFile,
} from '../programs/native-program.ts';
import { nativeTransport } from '../programs/native-transport.ts';
import { pinThread } from '../programs/processors.ts';
import { measureAtFloor, measurement, type Benchmark, type BenchmarkSetting } from './benchmark.ts';
import { chartsOf, factsOf, KINDS, SMALL, TEMPERATURES } from './invocation-findings.ts';
import { PAYLOADS, samplesFor } from './payloads.ts';

/** The module of benchmarks/functions. */
export const FUNCTIONS_MODULE = join(import.meta.dirname, '../../functions/functions.js');

/** The SDK's code is fully compiled by then. */
const WARM_UP = 100_000;
/** Promises and wake-ups take longer: fewer samples do. */
const BY_PROMISE = 10;
const WARM = 500;
/** Long enough for a thread that is never hot to fall asleep. */
const PAUSE_MS = 0.5;
/** From here on an invocation is compared with one memcpy of its payload. */
const LARGE = 1_048_576;

const CALLS = ['invokeSync', 'invoke'] as const;
/**
 * `mapped`: buffers of the executor, which nobody copies. `in place`: the same where the transport maps nothing and copies
 * both. `copied`: arrays of JavaScript, which are copied besides.
 */
type Place = 'mapped' | 'in place' | 'copied';

/** One kind of invocation with one payload. */
interface Cell {
  readonly temperature: (typeof TEMPERATURES)[number];
  readonly kind: (typeof KINDS)[number];
  readonly call: (typeof CALLS)[number];
  readonly place: Place;
  readonly bytes: number;
}

/** Whole invocations as a user makes them. */
export const invocation: Benchmark = {
  name: 'invocation',
  description:
    'echo through the client SDK and a real executor, 1 B to 64 MiB: hot and warm, native and JavaScript, by invokeSync and ' +
    'by promise, mapped, in place and copied',
  sizes: PAYLOADS,
  async run(setting) {
    const { processors, transport } = setting;
    const measurements = await inC(setting);
    for (const { url, places } of waysOf(transport)) {
      measurements.push(...(await onTransport(url, places, setting)));
    }
    const settings = {
      transport,
      client: `pinned to processor ${processors[0]}`,
      executor: `pinned to processor ${processors[1]}`,
      warmUp: `${WARM_UP} invocations, fewer of large payloads`,
      warm: `the executor's thread sleeps: after pauses of ${PAUSE_MS} ms`,
    };
    return {
      settings,
      measurements: relate(measurements),
      facts: factsOf(measurements),
      charts: ({ subtitle }) => chartsOf(measurements, subtitle),
    };
  },
};

/** Shared memory maps, and can be told not to; other transports do what they do. */
function waysOf(transport: string): { url: string; places: Place[] }[] {
  const url = parseTransportUrl(transport);
  if (url.kind !== 'shm' || url.options['direct_map'] !== undefined) {
    return [{ url: transport, places: ['in place', 'copied'] }];
  }
  const unmapped = formatTransportUrl({ ...url, options: { ...url.options, direct_map: '0' } });
  return [
    { url: transport, places: ['mapped', 'copied'] },
    { url: unmapped, places: ['in place'] },
  ];
}

/** What invocations are compared with. */
async function inC(setting: BenchmarkSetting): Promise<Measurement[]> {
  const { processors, count, sizes, transport, progress, wants } = setting;
  progress.show('in C');
  const native = nativeTransport(transport);
  const small = { processors, bytes: sizes.includes(SMALL) ? SMALL : (sizes[0] ?? SMALL), count };
  const isSlow = parseTransportUrl(transport).kind !== 'shm';
  const measurements: Measurement[] = [
    await measureCacheLine(processors, count),
    await measureAtFloor(setting, () =>
      measureTransport(native, { ...small, count: isSlow ? Math.min(count, 20_000) : count }),
    ),
  ];
  if (!isSlow) {
    measurements.push(await measureAtFloor(setting, () => measureLoops(native, small, 'mapped')));
  }
  if (wants('futex')) {
    const samples = Math.min(2000, Math.ceil(count / 100));
    measurements.push(await measureAtFloor(setting, () => measureWakeUp(processors, PAUSE_MS, samples)));
  }
  for (const bytes of sizes.filter((each) => each >= LARGE)) {
    const samples = samplesFor(bytes, count);
    if (wants('memcpy')) {
      measurements.push(await measureAtFloor(setting, () => measureCopy(processors[1], bytes, samples)));
    }
  }
  return measurements;
}

async function onTransport(
  url: string,
  places: readonly Place[],
  setting: BenchmarkSetting,
): Promise<Measurement[]> {
  const { processors, sizes, wants } = setting;
  await using node = await LocalNode.start({ processors: [processors[1]], transport: url });
  await using client = node.client();
  await using lease = await client.lease({ cores: 1, memoryMiB: 4096 });
  const measured: Measurement[] = [];
  for (const temperature of TEMPERATURES) {
    for (const kind of KINDS) {
      for (const bytes of sizes) {
        const cells = places.flatMap((place) =>
          CALLS.map((call): Cell => ({ temperature, kind, call, place, bytes })),
        );
        const wanted = cells.filter((cell) => wants(nameOf(cell)));
        if (wanted.length === 0) continue;
        const source =
          kind === 'native' ? { library: nativeFile('libbench_functions.so') } : { module: FUNCTIONS_MODULE };
        const payload = Math.max(4096, bytes);
        // What is started inherits where it may run.
        pinThread(processors);
        await using executor = await lease.allocate(source, {
          hotTimeout: temperature === 'hot' ? -1 : 0,
          slots: bytes > LARGE ? 2 : 8,
          inputBytes: payload,
          outputBytes: payload,
        });
        pinThread([processors[0]]);
        for (const cell of wanted) measured.push(await measureCell(executor, cell, url, setting));
      }
    }
  }
  pinThread(processors);
  return measured;
}

function nameOf(cell: Cell): string {
  return `${seriesOf(cell)}, ${formatQuantity(cell.bytes, 'bytes')}`;
}

function seriesOf({ temperature, kind, call, place }: Cell): string {
  return `${temperature} ${kind}, ${call}, ${place}`;
}

async function measureCell(
  executor: Executor,
  cell: Cell,
  url: string,
  setting: BenchmarkSetting,
): Promise<Measurement> {
  const { bytes, call, place } = cell;
  const echo = executor.function('echo');
  using input = place === 'copied' ? undefined : executor.allocateInput(bytes);
  using output = place === 'copied' ? undefined : executor.allocateOutput(bytes);
  if (place === 'mapped' && input?.isMapped !== true) {
    throw new Error(`an input of ${bytes} B is not mapped on ${url}`);
  }
  const plain = new Uint8Array(bytes).fill(1);
  input?.bytes.fill(1);
  const isBuffered = input !== undefined && output !== undefined;
  const invokeSync = isBuffered
    ? () => void echo.invokeSync(input, output)
    : () => void echo.invokeSync(plain);
  const options = { output };
  const invoke = isBuffered ? () => echo.invoke(input, options) : () => echo.invoke(plain);
  const name = nameOf(cell);
  const more = { bytes, series: seriesOf(cell) };
  const beside = { transport: nativeTransport(url), bytes };
  return await measureAtFloor(
    setting,
    async () => {
      const samples = await (call === 'invokeSync'
        ? takeSync(invokeSync, cell, setting)
        : takeAsync(invoke, cell, setting));
      return measurement(name, samples, more);
    },
    beside,
  );
}

function takeSync(body: () => void, cell: Cell, setting: BenchmarkSetting): Float64Array {
  const times = timesOf(cell, setting);
  return cell.temperature === 'hot' ? sample(body, times) : sampleAfterPauses(body, PAUSE_MS, times);
}

async function takeAsync(
  body: () => Promise<unknown>,
  cell: Cell,
  setting: BenchmarkSetting,
): Promise<Float64Array> {
  const times = timesOf(cell, setting);
  return cell.temperature === 'hot'
    ? sampleAsync(body, times)
    : sampleAsyncAfterPauses(body, PAUSE_MS, times);
}

function timesOf(
  cell: Cell,
  { count, progress, transport, quick }: BenchmarkSetting,
): { count: number; warmUp: number; onProgress: (done: number) => void } {
  const { temperature, call, bytes } = cell;
  const slower =
    (call === 'invoke' ? BY_PROMISE : 1) * (parseTransportUrl(transport).kind === 'shm' ? 1 : BY_PROMISE);
  const samples = samplesFor(bytes, Math.ceil(count / (temperature === 'warm' ? WARM : slower)));
  const warmUp =
    temperature === 'warm' || quick ? Math.min(samples, 100) : samplesFor(bytes, WARM_UP / slower);
  return { count: samples, warmUp, onProgress: progress.counting(nameOf(cell), samples) };
}
