import { expect, test } from '@jest/globals';
import { RecentDurations } from '../../src/metrics/recent-durations.ts';

test('nothing measured has no quantiles', () => {
  expect(new RecentDurations(4).summary(1000, 0)).toEqual({ count: 0, p50: null, p99: null });
});

test('quantiles are those of the window', () => {
  const durations = new RecentDurations(1000);
  durations.add(99, 0);
  for (let count = 1; count <= 100; count += 1) {
    durations.add(count / 100, 5000);
  }
  expect(durations.summary(1000, 5500)).toEqual({ count: 100, p50: 0.51, p99: 1 });
  expect(durations.summary(1000, 6000).count).toBe(0);
});

test('only the last ones are kept', () => {
  const durations = new RecentDurations(2);
  [3, 1, 2].forEach((seconds) => durations.add(seconds, 10));
  expect(durations.summary(100, 20)).toEqual({ count: 2, p50: 2, p99: 2 });
});
