import { expect, test } from '@jest/globals';
import { steadyClock } from '../src/index.ts';

test('a steady clock goes on when the host clock is set, forwards or back', () => {
  let wall = 1_000_000;
  let nanoseconds = 5e9;
  const clock = steadyClock(
    () => wall,
    () => nanoseconds,
  );
  expect(clock()).toBe(1_000_000);
  nanoseconds += 250.9e6;
  expect(clock()).toBe(1_000_250);
  wall += 3_600_000;
  expect(clock()).toBe(1_000_250);
  wall = 0;
  nanoseconds += 1e6;
  expect(clock()).toBe(1_000_251);
});
