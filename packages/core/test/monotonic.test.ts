import { expect, test } from '@jest/globals';
import { monotonicNanoseconds, startStopwatch } from '../src/index.ts';

test('the monotonic clock does not go back', () => {
  const first = monotonicNanoseconds();
  expect(monotonicNanoseconds()).toBeGreaterThanOrEqual(first);
});

test('a stopwatch measures from its making', () => {
  let now = 100;
  const stopwatch = startStopwatch(() => now);
  now = 350;
  expect(stopwatch.elapsedNanoseconds()).toBe(250);
});
