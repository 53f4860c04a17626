import { clockCost } from '../measure/sampling.ts';
import { histogram } from '../measure/histogram.ts';
import type { Progress } from '../measure/progress.ts';
import { net, type Measurement, type Report } from '../measure/report.ts';
import { summarize } from '../measure/statistics.ts';
import type { ChartText } from '../plots/chart.ts';
import { measureCacheLine } from '../programs/native-program.ts';

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

/** Round trips of a bounce around a measurement: some 10 ms. */
const FLOOR_SAMPLES = 60_000;
/** A floor that moved by more than this belongs to two states of the machine. */
const STEADY = 1.2;
const ATTEMPTS = 3;

/**
 * Measures with the bare cache line bounced right before and after: a virtual machine's processors move on their host
 * from one second to the next, and with them the floor by a factor of three. Measures again when it moved meanwhile.
 */
export async function measureAtFloor(
  processors: readonly [number, number],
  take: () => Measurement | Promise<Measurement>,
): Promise<Measurement> {
  for (let attempt = 1; ; attempt++) {
    const before = net(await measureCacheLine(processors, FLOOR_SAMPLES));
    const measured = await take();
    const after = net(await measureCacheLine(processors, FLOOR_SAMPLES));
    const isSteady = Math.max(before, after) <= STEADY * Math.min(before, after);
    if (isSteady || attempt === ATTEMPTS) return { ...measured, cacheLine: (before + after) / 2 };
  }
}
