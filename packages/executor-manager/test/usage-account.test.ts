import { expect, test } from '@jest/globals';
import { UsageAccount } from '../src/usage-account.ts';

const second = 1e9;

test('cores are billed by the clock, whatever they did', () => {
  const account = new UsageAccount(3, 64, 5 * second);
  expect(account.read([], 7 * second)).toEqual({
    sequence: 1,
    coreNanoseconds: 6 * second,
    mebibyteMilliseconds: 64 * 2000,
    hotPollingNs: 0,
    executionNs: 0,
    invocations: 0,
    hotToWarm: 0,
  });
});

test('what the threads counted is added up', () => {
  const account = new UsageAccount(2, 64, 0);
  const counters = [
    { hotPollingNs: 100, executionNs: 20, invocations: 3, hotToWarm: 1 },
    { hotPollingNs: 200, executionNs: 40, invocations: 4, hotToWarm: 2 },
  ];
  expect(account.read(counters, second)).toMatchObject({
    hotPollingNs: 300,
    executionNs: 60,
    invocations: 7,
    hotToWarm: 3,
  });
});

test('no thread was busy for longer than it was there', () => {
  const account = new UsageAccount(2, 64, 0);
  const liar = { hotPollingNs: 9e15, executionNs: 0.25 * second, invocations: 1, hotToWarm: 0 };
  const honest = { hotPollingNs: 10, executionNs: 10, invocations: 1, hotToWarm: 0 };
  const usage = account.read([liar, honest], second);
  expect(usage.hotPollingNs).toBe(0.75 * second + 10);
  expect(usage.executionNs).toBe(0.25 * second + 10);
});

test('counters that go back, or far beyond, do not', () => {
  const account = new UsageAccount(1, 64, 0);
  account.read([{ hotPollingNs: 500, executionNs: 400, invocations: 9, hotToWarm: 8 }], second);
  const usage = account.read(
    [{ hotPollingNs: 0, executionNs: 1e19, invocations: 1e19, hotToWarm: 7 }],
    second,
  );
  expect(usage).toMatchObject({ hotPollingNs: 500, invocations: Number.MAX_SAFE_INTEGER, hotToWarm: 8 });
  expect(usage.executionNs).toBe(second - 500);
});

test('readings only ever grow, in every field', () => {
  const account = new UsageAccount(2, 64, 0);
  let before = account.read([], 0);
  for (let step = 1; step < 500; step += 1) {
    const noise = (seed: number): number => Math.abs(Math.sin(seed * step)) * 3 * second;
    const counters = [1, 2].map((thread) => ({
      hotPollingNs: noise(thread),
      executionNs: noise(thread + 10),
      invocations: Math.round(noise(thread + 20)),
      hotToWarm: Math.round(noise(thread + 30)),
    }));
    const now = account.read(counters, step * 0.01 * second);
    for (const field of [
      'sequence',
      'coreNanoseconds',
      'hotPollingNs',
      'executionNs',
      'invocations',
      'hotToWarm',
    ] as const) {
      expect(now[field]).toBeGreaterThanOrEqual(before[field]);
    }
    expect(now.hotPollingNs + now.executionNs).toBeLessThanOrEqual(now.coreNanoseconds + 2);
    before = now;
  }
});
