const NANOSECONDS = 1e9;

/** How to take samples. */
export interface SamplingOptions {
  readonly count: number;
  /** Runs before the first sample. */
  readonly warmUp: number;
  /** Called now and then with the number of samples taken so far. */
  readonly onProgress?: ((done: number) => void) | undefined;
}

/** Samples between two calls of `onProgress`. */
const PROGRESS_INTERVAL = 65_536;

/**
 * Times every run of a synchronous `body`: nanoseconds from the end of one run to the end of the next, so that each
 * sample contains one look at the clock (see {@link clockCost}).
 */
export function sample(body: () => void, { count, warmUp, onProgress }: SamplingOptions): Float64Array {
  for (let i = 0; i < warmUp; i++) body();
  const samples = new Float64Array(count);
  let before = process.hrtime();
  for (let i = 0; i < count; i++) {
    body();
    const now = process.hrtime();
    samples[i] = (now[0] - before[0]) * NANOSECONDS + (now[1] - before[1]);
    before = now;
    if (i % PROGRESS_INTERVAL === 0 && onProgress !== undefined) {
      onProgress(i);
      before = process.hrtime();
    }
  }
  return samples;
}

/** The same for an asynchronous `body`. */
export async function sampleAsync(
  body: () => Promise<unknown>,
  { count, warmUp, onProgress }: SamplingOptions,
): Promise<Float64Array> {
  for (let i = 0; i < warmUp; i++) await body();
  const samples = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const before = process.hrtime();
    await body();
    const [seconds, nanoseconds] = process.hrtime(before);
    samples[i] = seconds * NANOSECONDS + nanoseconds;
    if (i % PROGRESS_INTERVAL === 0) onProgress?.(i);
  }
  return samples;
}

/** Nanoseconds that one look at the clock adds to a sample. */
export function clockCost(): number {
  const looks = 200_000;
  const begin = process.hrtime();
  for (let i = 0; i < looks; i++) process.hrtime();
  const [seconds, nanoseconds] = process.hrtime(begin);
  return (seconds * NANOSECONDS + nanoseconds) / looks;
}
