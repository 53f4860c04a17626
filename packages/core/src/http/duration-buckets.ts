/** Bounds of histograms of durations, in seconds: 1, 2 and 5 of each decade from 100 ns to 50 s. */
export const durationBuckets: readonly number[] = Array.from({ length: 9 }, (_, decade) =>
  [1, 2, 5].map((step) => Number(`${step}e${decade - 7}`)),
).flat();
