/** What a set of samples says, in the samples' unit. */
export interface Summary {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** Percentiles of `samples`, which it sorts in place. Throws RangeError where there are none. */
export function summarize(samples: Float64Array): Summary {
  if (samples.length === 0) throw new RangeError('there are no samples to summarize');
  samples.sort();
  return {
    count: samples.length,
    p50: percentile(samples, 0.5),
    p90: percentile(samples, 0.9),
    p99: percentile(samples, 0.99),
    p999: percentile(samples, 0.999),
    max: percentile(samples, 1),
  };
}

/** The sample below which `fraction` of the sorted samples lie. */
export function percentile(sorted: Float64Array, fraction: number): number {
  const index = Math.min(sorted.length - 1, Math.floor(sorted.length * fraction));
  return sorted[index] as number;
}
