import { clockCost } from '../measure/sampling.ts';
import { histogram } from '../measure/histogram.ts';
import type { Progress } from '../measure/progress.ts';
import { net, type Measurement, type Report } from '../measure/report.ts';
import { summarize } from '../measure/statistics.ts';
import type { ChartText } from '../plots/chart.ts';
import { measureCacheLine, measureTransport } from '../programs/native-program.ts';
import { nativeTransport, type NativeTransport } from '../programs/native-transport.ts';
import { samplesFor } from './payloads.ts';

/** What every benchmark gets. */
export interface BenchmarkSetting {
  /** Where the client and the worker run. */
  readonly processors: readonly [number, number];
  /** Samples of each measurement. */
  readonly count: number;
  /** Payloads in bytes. */
  readonly sizes: readonly number[];
  readonly progress: Progress;
  /** The transport that is measured, where a benchmark has the choice: `shm://0`. */
  readonly transport: string;
  /** How often what takes milliseconds is done. */
  readonly repetitions: number;
  /** As little of everything as still goes through all of it. */
  readonly quick: boolean;
  /** Whether rows of this name are wanted; see `--only`. */
  readonly wants: (name: string) => boolean;
  /** Interrupts what runs until it is told to stop. */
  readonly signal: AbortSignal;
}

/** What a benchmark found; who and where is added by the caller. */
export interface Findings extends Pick<Report, 'settings' | 'measurements' | 'facts'> {
  /** Charts of its own, by name, beside those that every report has. */
  readonly charts?: ((text: Pick<ChartText, 'subtitle'>) => Readonly<Record<string, string>>) | undefined;
}

/** A benchmark by name. */
export interface Benchmark {
  readonly name: string;
  readonly description: string;
  /** Payloads where nobody names any. Default 64 bytes. */
  readonly sizes?: readonly number[] | undefined;
  /** Whether {@link references} are taken before it and every row is related to them. Default false: it does so itself. */
  readonly isReferenced?: boolean | undefined;
  run(setting: BenchmarkSetting): Promise<Findings>;
}

/** A measurement from samples in nanoseconds. */
export function measurement(
  name: string,
  samples: Float64Array,
  more: Pick<Measurement, 'bytes' | 'series'> = {},
): Measurement {
  const perSecond = (1e9 * samples.length) / samples.reduce((sum, each) => sum + each, 0);
  return {
    name,
    clock: clockCost(),
    perSecond,
    ...more,
    histogram: histogram(samples),
    ...summarize(samples),
  };
}

/** What every row is a multiple of: the bare cache line, and the raw round trip of the transport in C. */
export async function references(setting: BenchmarkSetting): Promise<Measurement[]> {
  const { processors, count, transport, sizes, progress } = setting;
  progress.show('cache line and transport in C');
  const inC = { processors, bytes: sizes[0] ?? 64, count: Math.min(count, REFERENCE_SAMPLES) };
  return [
    await measureCacheLine(processors, inC.count),
    await measureAtFloor(setting, () => measureTransport(nativeTransport(transport), inC)),
  ];
}

/** Enough for a median; transports that are slow take a second for them. */
const REFERENCE_SAMPLES = 50_000;

/** Round trips of a bounce around a measurement: some 10 ms. */
const FLOOR_SAMPLES = 60_000;
const QUICK_FLOOR_SAMPLES = 1000;
/** A floor that moved by more than this belongs to two states of the machine. */
const STEADY = 1.2;
const ATTEMPTS = 3;

/** What else is taken right before a measurement. */
export interface Beside {
  readonly transport: NativeTransport;
  readonly bytes: number;
}

/**
 * Measures with the bare cache line bounced right before and after: a virtual machine's processors move on their host
 * from one second to the next, and with them the floor by a factor of five. Measures again when it moved meanwhile. `beside`:
 * the raw round trip of the transport in C is taken likewise. A quick run, which measures nothing, takes what it gets.
 */
export async function measureAtFloor(
  { processors, quick }: Pick<BenchmarkSetting, 'processors' | 'quick'>,
  take: () => Measurement | Promise<Measurement>,
  beside?: Beside,
): Promise<Measurement> {
  const bounces = quick ? QUICK_FLOOR_SAMPLES : FLOOR_SAMPLES;
  for (let attempt = 1; ; attempt++) {
    const before = net(await measureCacheLine(processors, bounces));
    const raw = beside === undefined ? undefined : await rawTransport(processors, beside);
    const measured = await take();
    const after = net(await measureCacheLine(processors, bounces));
    const isSteady = Math.max(before, after) <= STEADY * Math.min(before, after);
    if (isSteady || quick || attempt === ATTEMPTS) {
      return {
        ...measured,
        cacheLine: (before + after) / 2,
        ...(raw === undefined ? {} : { transport: raw, timesTransport: net(measured) / raw }),
      };
    }
  }
}

async function rawTransport(
  processors: readonly [number, number],
  { transport, bytes }: Beside,
): Promise<number> {
  return net(
    await measureTransport(transport, { processors, bytes, count: samplesFor(bytes, BESIDE_SAMPLES) }),
  );
}

const BESIDE_SAMPLES = 20_000;
