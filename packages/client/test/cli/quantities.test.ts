import { expect, test } from '@jest/globals';
import { formatCount, formatDuration, formatMebibytes, formatSeconds } from '../../src/cli/quantities.ts';

test.each([
  [0, '0s'],
  [-5, '0s'],
  [45, '45s'],
  [60, '1m'],
  [3725, '1h 2m'],
  [86_400, '1d'],
  [273_600, '3d 4h'],
])('%d seconds are %s', (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

test.each([
  [null, '–'],
  [8.7e-7, '870 ns'],
  [1.234e-5, '12.3 µs'],
  [0.002, '2 ms'],
  [1.25, '1.25 s'],
])('%p is measured as %s', (seconds, text) => {
  expect(formatSeconds(seconds)).toBe(text);
});

test.each([
  [0, '0'],
  [950, '950'],
  [12_345, '12.3k'],
  [1_200_000, '1.2M'],
  [0.25, '0.25'],
])('%d is counted as %s', (value, text) => {
  expect(formatCount(value)).toBe(text);
});

test.each([
  [512, '512 MiB'],
  [4096, '4 GiB'],
  [3584, '3.5 GiB'],
  [3 * 1024 * 1024, '3 TiB'],
])('%d MiB are %s', (mebibytes, text) => {
  expect(formatMebibytes(mebibytes)).toBe(text);
});
