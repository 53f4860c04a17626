import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { grantedEnd } from '../src/lease-renewal.ts';

const hour = 3_600_000;

beforeEach(() => void jest.useFakeTimers({ now: 1_000_000 }));
afterEach(() => void jest.useRealTimers());

test("a lease ends when the host's clock shows its expiry", () => {
  expect(grantedEnd(1_004_000, 5_000)).toBe(performance.now() + 4_000);
});

test.each([
  ['forward', hour, 4_000],
  ['back', -hour, 10_000],
])(
  'when that clock was set %s under way, it ends within what was asked for, and not before it did',
  (_direction, jump, ms) => {
    const now = performance.now();
    jest.setSystemTime(1_000_000 + jump);
    expect(grantedEnd(1_010_000, 10_000, now + 4_000)).toBe(now + ms);
  },
);
