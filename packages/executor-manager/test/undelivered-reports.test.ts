import { expect, test } from '@jest/globals';
import type { UsageReport } from '@rfaas/core';
import { UndeliveredReports } from '../src/undelivered-reports.ts';

function report(allocationId: string, sequence: number): UsageReport {
  return {
    leaseId: 'lease',
    allocationId,
    sequence,
    coreNanoseconds: 0,
    mebibyteMilliseconds: 0,
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

test('what was told and not confirmed is told again on the next connection, in front, unless something newer is there', () => {
  const undelivered = new UndeliveredReports();
  undelivered.addReport(report('a', 1));
  undelivered.addReport(report('b', 1));
  undelivered.addReport(report('c', 1));
  while (undelivered.take() !== undefined);
  undelivered.confirm('b', 1);
  undelivered.addReport(report('a', 2));
  expect(undelivered.unconfirmed).toBe(3);
  undelivered.giveBackTold();
  undelivered.giveBack({ kind: 'lease-ended', leaseId: 'x' });
  expect(undelivered.take()).toMatchObject({ allocationId: 'a', sequence: 2 });
  expect(undelivered.take()).toMatchObject({ allocationId: 'c', sequence: 1 });
  expect(undelivered.take()).toEqual({ kind: 'lease-ended', leaseId: 'x' });
  expect(undelivered.take()).toBeUndefined();
});

test('a confirmation of an older report confirms no newer one', () => {
  const undelivered = new UndeliveredReports();
  undelivered.addReport(report('a', 2));
  undelivered.take();
  undelivered.confirm('a', 1);
  expect(undelivered.unconfirmed).toBe(1);
  undelivered.confirm('a', 2);
  expect(undelivered.unconfirmed).toBe(0);
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
