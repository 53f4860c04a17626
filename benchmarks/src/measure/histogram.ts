/** A range of sample values and how many samples fell into it. */
export interface Bucket {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** Buckets a power of two. */
const BUCKETS_PER_DOUBLING = 4;

/** How often values of each size occurred: buckets grow by a fixed factor, so that both nanoseconds and outliers show. */
export function histogram(samples: Float64Array): Bucket[] {
  const counts = new Map<number, number>();
  for (const sample of samples) {
    const bucket = sample < 1 ? 0 : Math.floor(Math.log2(sample) * BUCKETS_PER_DOUBLING);
    counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
  }
  return [...counts.entries()]
    .sort(([one], [other]) => one - other)
    .map(([bucket, count]) => ({ from: edge(bucket), to: edge(bucket + 1), count }));
}

function edge(bucket: number): number {
  return Math.round(2 ** (bucket / BUCKETS_PER_DOUBLING) * 10) / 10;
}
