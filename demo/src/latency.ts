/** What was found about some round trips. */
export interface LatencySample {
  readonly what: string;
  readonly count: number;
  /** Microseconds that half of them did not exceed. */
  readonly p50: number;
  /** Microseconds that 99 of 100 did not exceed. */
  readonly p99: number;
}

/**
 * Times `count` calls of an operation, after a tenth as many that are not counted. Reading the clock is part of each time
 * (some 0.05 µs).
 *
 * @param pauseMicroseconds how long nothing happens before each call, for what shall be found asleep
 */
export function timeCalls(
  what: string,
  count: number,
  operation: () => void,
  pauseMicroseconds = 0,
): LatencySample {
  for (let index = 0; index < count / 10; index += 1) operation();
  const microseconds = new Float64Array(count);
  let before = performance.now();
  for (let index = 0; index < count; index += 1) {
    if (pauseMicroseconds > 0) before = pauseFrom(before, pauseMicroseconds);
    operation();
    const after = performance.now();
    microseconds[index] = (after - before) * 1000;
    before = after;
  }
  return { what, count, p50: percentile(microseconds, 0.5), p99: percentile(microseconds, 0.99) };
}

/** Stays awake, or the time to wake this process up would be measured, too. Returns the time at its end. */
function pauseFrom(start: number, pauseMicroseconds: number): number {
  const end = start + pauseMicroseconds / 1000;
  let now = performance.now();
  while (now < end) now = performance.now();
  return now;
}

/** The value that a fraction of the samples does not exceed. */
export function percentile(microseconds: Float64Array, fraction: number): number {
  const sorted = microseconds.toSorted();
  return sorted[Math.min(sorted.length - 1, Math.ceil(fraction * sorted.length) - 1)] ?? NaN;
}

/** A table for a terminal: one line a sample. */
export function formatLatencies(samples: readonly LatencySample[]): string {
  const rows = samples.map(({ what, count, p50, p99 }) => [
    what,
    String(count),
    `${p50.toFixed(2)} µs`,
    `${p99.toFixed(2)} µs`,
  ]);
  const table = [['round trip of 64 bytes', 'samples', 'p50', 'p99'], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  return table
    .map((row) =>
      row
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join('  '),
    )
    .map((line) => `  ${line}`)
    .join('\n');
}
