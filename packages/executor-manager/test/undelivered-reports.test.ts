import { expect, test } from '@jest/globals';
import type { UsageReport } from '@rfaas/core';
import { UndeliveredReports } from '../src/undelivered-reports.ts';

function report(allocationId: string, sequence: number): UsageReport {
  return {
    leaseId: 'lease',
    allocationId,
    sequence,
    coreNanoseconds: 0,
    hotPollingNs: 0,
    executionNs: 0,
    invocations: 0,
    final: false,
  };
}

test('of each allocation the newest report is kept', () => {
  const undelivered = new UndeliveredReports();
  undelivered.addReport(report('a', 1));
  undelivered.addReport(report('b', 1));
  undelivered.addReport(report('a', 2));
  expect(undelivered.take()).toMatchObject({ allocationId: 'b', sequence: 1 });
  expect(undelivered.take()).toMatchObject({ allocationId: 'a', sequence: 2 });
  expect(undelivered.take()).toBeUndefined();
});

test('bills go before the ends of leases', () => {
  const undelivered = new UndeliveredReports();
  undelivered.addEndedLease('lease');
  undelivered.addReport(report('a', 1));
  expect(undelivered.take()?.kind).toBe('usage-report');
  expect(undelivered.take()).toEqual({ kind: 'lease-ended', leaseId: 'lease' });
});

test('what could not be sent comes back, unless something newer is there', () => {
  const undelivered = new UndeliveredReports();
  undelivered.addReport(report('a', 1));
  const first = undelivered.take();
  undelivered.addReport(report('a', 2));
  undelivered.giveBack(first ?? { kind: 'node-registered' });
  expect(undelivered.take()).toMatchObject({ sequence: 2 });
  undelivered.giveBack({ kind: 'lease-ended', leaseId: 'x' });
  undelivered.giveBack({ kind: 'usage-report', ...report('b', 5) });
  expect(undelivered.take()).toMatchObject({ allocationId: 'b', sequence: 5 });
  expect(undelivered.take()).toEqual({ kind: 'lease-ended', leaseId: 'x' });
});

test('beyond its room the oldest go, and are counted', () => {
  const undelivered = new UndeliveredReports();
  for (let index = 0; index < 100_003; index += 1) {
    undelivered.addEndedLease(`${index}`);
  }
  expect(undelivered.takeDropped()).toBe(3);
  expect(undelivered.takeDropped()).toBe(0);
  expect(undelivered.take()).toEqual({ kind: 'lease-ended', leaseId: '3' });
});
