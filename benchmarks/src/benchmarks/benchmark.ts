import { clockCost } from '../measure/sampling.ts';
import { histogram } from '../measure/histogram.ts';
import type { Progress } from '../measure/progress.ts';
import type { Measurement, Report } from '../measure/report.ts';
import { summarize } from '../measure/statistics.ts';

/** What every benchmark gets. */
export interface BenchmarkSetting {
  /** Where the client and the worker run. */
  readonly processors: readonly [number, number];
  /** Samples of each measurement. */
  readonly count: number;
  /** Payloads in bytes. */
  readonly sizes: readonly number[];
  readonly progress: Progress;
}

/** What a benchmark found; who and where is added by the caller. */
export type Findings = Pick<Report, 'settings' | 'measurements' | 'facts'>;

/** A benchmark by name. */
export interface Benchmark {
  readonly name: string;
  readonly description: string;
  run(setting: BenchmarkSetting): Promise<Findings>;
}

/** A measurement from samples in nanoseconds. */
export function measurement(name: string, samples: Float64Array): Measurement {
  return { name, clock: clockCost(), histogram: histogram(samples), ...summarize(samples) };
}
