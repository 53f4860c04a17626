const MEBIBYTE = 1_048_576;

/** The payloads of benchmarks that go from the smallest to the largest, in bytes. */
export const PAYLOADS: readonly number[] = [
  1,
  64,
  512,
  4096,
  32_768,
  MEBIBYTE / 4,
  MEBIBYTE,
  8 * MEBIBYTE,
  64 * MEBIBYTE,
];

/** Bytes that take about as long as an invocation without any. */
const CHEAP = 2048;
const FEWEST = 20;

/** How many samples of a payload take about as long as `count` of a small one, and at least some. */
export function samplesFor(bytes: number, count: number): number {
  return Math.max(Math.min(count, FEWEST), Math.floor(count / Math.max(1, bytes / CHEAP)));
}
