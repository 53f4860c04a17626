/** Taken once: looking a global's property up costs a good part of what is measured. */
const { hrtime } = process;

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
export function sample(
  body: () => void,
  { count, warmUp, onProgress = ignore }: SamplingOptions,
): Float64Array {
  // The loop is warmed up, too, in every branch: its first thousands of rounds are interpreted. Twice, so that the code
  // which it was compiled to is entered at its begin as well.
  for (let i = 0; i < 2; i++) fill(new Float64Array(Math.ceil(warmUp / 2)), body, onProgress);
  const samples = new Float64Array(count);
  fill(samples, body, onProgress);
  return samples;
}

function ignore(): void {
  // Nobody wants to know.
}

function fill(samples: Float64Array, body: () => void, onProgress: (done: number) => void): void {
  let before = hrtime();
  for (let i = 0; i < samples.length; i++) {
    body();
    const now = hrtime();
    samples[i] = (now[0] - before[0]) * NANOSECONDS + (now[1] - before[1]);
    before = now;
    if (i % PROGRESS_INTERVAL === 0) {
      onProgress(i);
      before = hrtime();
    }
  }
}

/** Times runs that begin only after a pause, in which nothing is done: how long waking up takes. */
export function sampleAfterPauses(
  body: () => void,
  pauseMilliseconds: number,
  { count, warmUp, onProgress }: SamplingOptions,
): Float64Array {
  const never = new Int32Array(new SharedArrayBuffer(4));
  for (let i = 0; i < warmUp; i++) body();
  const samples = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    Atomics.wait(never, 0, 0, pauseMilliseconds);
    const before = hrtime();
    body();
    const [seconds, nanoseconds] = hrtime(before);
    samples[i] = seconds * NANOSECONDS + nanoseconds;
    if (i % 100 === 0) onProgress?.(i);
  }
  return samples;
}

/** The same as {@link sample} for an asynchronous `body`. */
export async function sampleAsync(
  body: () => Promise<unknown>,
  { count, warmUp, onProgress }: SamplingOptions,
): Promise<Float64Array> {
  for (let i = 0; i < warmUp; i++) await body();
  const samples = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const before = hrtime();
    await body();
    const [seconds, nanoseconds] = hrtime(before);
    samples[i] = seconds * NANOSECONDS + nanoseconds;
    if (i % PROGRESS_INTERVAL === 0) onProgress?.(i);
  }
  return samples;
}

/** The same as {@link sampleAfterPauses} for an asynchronous `body`. */
export async function sampleAsyncAfterPauses(
  body: () => Promise<unknown>,
  pauseMilliseconds: number,
  { count, warmUp, onProgress }: SamplingOptions,
): Promise<Float64Array> {
  const never = new Int32Array(new SharedArrayBuffer(4));
  for (let i = 0; i < warmUp; i++) await body();
  const samples = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    Atomics.wait(never, 0, 0, pauseMilliseconds);
    const before = hrtime();
    await body();
    const [seconds, nanoseconds] = hrtime(before);
    samples[i] = seconds * NANOSECONDS + nanoseconds;
    if (i % 100 === 0) onProgress?.(i);
  }
  return samples;
}

/** Looks at the clock in one batch, and batches. */
const LOOKS = 500;
const BATCHES = 401;

/** Nanoseconds that one look at the clock adds to a sample: the median of batches, so that one preemption counts for little. */
export function clockCost(): number {
  const costs = new Float64Array(BATCHES);
  for (let batch = 0; batch < BATCHES; batch++) {
    const begin = hrtime();
    for (let i = 0; i < LOOKS; i++) hrtime();
    const [seconds, nanoseconds] = hrtime(begin);
    costs[batch] = (seconds * NANOSECONDS + nanoseconds) / LOOKS;
  }
  return costs.sort()[BATCHES >> 1] ?? 0;
}
