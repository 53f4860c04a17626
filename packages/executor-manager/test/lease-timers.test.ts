import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { LeaseTimers, warningTime } from '../src/lease-timers.ts';

const events: string[] = [];
let timers: LeaseTimers;

beforeEach(() => {
  jest.useFakeTimers({ now: 1_000_000 });
  events.length = 0;
  timers = new LeaseTimers(
    {
      warn: (leaseId, expiry) => events.push(`warn ${leaseId} ${expiry - 1_000_000}`),
      expire: (leaseId) => events.push(`expire ${leaseId}`),
    },
    () => Date.now(),
  );
});

afterEach(() => {
  timers.close();
  jest.useRealTimers();
});

test('a lease is warned of, and then expires', () => {
  timers.watch('a', 1_000_000 + 600_000);
  jest.advanceTimersByTime(569_999);
  expect(events).toEqual([]);
  jest.advanceTimersByTime(1);
  expect(events).toEqual(['warn a 600000']);
  jest.advanceTimersByTime(30_000);
  expect(events).toEqual(['warn a 600000', 'expire a']);
});

test('a renewed lease goes on, and is warned of again', () => {
  timers.watch('a', 1_000_000 + 10_000);
  jest.advanceTimersByTime(9_500);
  timers.watch('a', 1_000_000 + 20_000);
  jest.advanceTimersByTime(5_000);
  expect(events).toEqual(['warn a 10000']);
  jest.advanceTimersByTime(10_000);
  expect(events).toEqual(['warn a 10000', 'warn a 20000', 'expire a']);
});

test('an earlier token of the same lease changes nothing', () => {
  timers.watch('a', 1_000_000 + 20_000);
  timers.watch('a', 1_000_000 + 10_000);
  jest.advanceTimersByTime(15_000);
  expect(events).toEqual([]);
});

test.each([3_600_000, -3_600_000])(
  'a clock that is set by %d ms changes no end, and renewals count as before',
  (jump) => {
    timers.watch('a', 1_000_000 + 10_000);
    timers.watch('b', 1_000_000 + 10_000);
    jest.setSystemTime(Date.now() + jump);
    jest.advanceTimersByTime(5_000);
    timers.watch('a', Date.now() + 10_000);
    jest.advanceTimersByTime(5_000);
    expect(events.filter((event) => event.startsWith('expire'))).toEqual(['expire b']);
    jest.advanceTimersByTime(5_000);
    expect(events.filter((event) => event.startsWith('expire'))).toEqual(['expire b', 'expire a']);
  },
);

test('a lease that is forgotten is left alone', () => {
  timers.watch('a', 1_000_000 + 10_000);
  timers.forget('a');
  timers.forget('b');
  jest.advanceTimersByTime(20_000);
  expect(events).toEqual([]);
});

test('a lease of two months is watched, although no timer is that long', () => {
  const months = 60 * 24 * 3600 * 1000;
  timers.watch('a', 1_000_000 + months);
  jest.advanceTimersByTime(months - 30_001);
  expect(events).toEqual([]);
  jest.advanceTimersByTime(30_001);
  expect(events).toEqual([`warn a ${months}`, 'expire a']);
});

test('short leases are warned of when a tenth is left, never before now', () => {
  expect(warningTime(0, 1000)).toBe(900);
  expect(warningTime(0, 10_000_000)).toBe(9_970_000);
  expect(warningTime(50, 40)).toBe(40);
});
