import { beforeEach, describe, expect, test } from '@jest/globals';
import { billRetentionMs } from '../../src/cluster/usage-ledger.ts';
import { granted, node, request, testCluster, type TestCluster } from './test-cluster.ts';

let world: TestCluster;

describe('bills', () => {
  const report = {
    allocationId: 'f'.repeat(32),
    sequence: 1,
    coreNanoseconds: 100,
    mebibyteMilliseconds: 7,
    hotPollingNs: 10,
    executionNs: 20,
    invocations: 3,
    final: false,
  };
  let leaseId: string;
  beforeEach(() => {
    world = testCluster();
    world.cluster.register(node('a'), 1n);
    leaseId = granted(world, request(1)).leaseId;
  });
  const bill = (): unknown => world.cluster.usage('alice', leaseId);

  test('begin with nothing and add up allocations', () => {
    expect(bill()).toMatchObject({ allocations: 0, invocations: 0 });
    world.cluster.report('a', { ...report, leaseId });
    world.cluster.report('a', { ...report, leaseId, allocationId: 'e'.repeat(32), invocations: 4 });
    expect(bill()).toEqual({
      allocations: 2,
      invocations: 7,
      hotPollingNs: 20,
      executionNs: 40,
      coreNanoseconds: 200,
      mebibyteMilliseconds: 14,
    });
  });

  test('take the newest report of an allocation, each once', () => {
    expect(world.cluster.report('a', { ...report, leaseId, sequence: 2, invocations: 9 })).toBe('taken');
    expect(world.cluster.report('a', { ...report, leaseId, sequence: 2, invocations: 99 })).toBe('known');
    expect(world.cluster.report('a', { ...report, leaseId, sequence: 1 })).toBe('known');
    expect(bill()).toMatchObject({ invocations: 9 });
  });

  test('are closed by a final report', () => {
    world.cluster.report('a', { ...report, leaseId, final: true });
    expect(world.cluster.report('a', { ...report, leaseId, sequence: 5, invocations: 50 })).toBe('known');
    expect(bill()).toMatchObject({ invocations: 3 });
  });

  test('are not written by other nodes, nor for leases that never were', () => {
    world.cluster.register(node('b'), 1n);
    expect(world.cluster.report('b', { ...report, leaseId })).toBe('unknown-lease');
    expect(world.cluster.report('a', { ...report, leaseId: 'd'.repeat(32) })).toBe('unknown-lease');
  });

  test('can be asked for until some time after the end', () => {
    world.cluster.report('a', { ...report, leaseId });
    world.cluster.release('alice', leaseId);
    world.cluster.leaseEnded('a', leaseId);
    expect(bill()).toMatchObject({ invocations: 3 });
    world.now += billRetentionMs;
    world.cluster.sweep();
    expect(bill).toThrow(expect.objectContaining({ code: 'RFAAS_ERR_LEASE_UNKNOWN' }));
  });
});
