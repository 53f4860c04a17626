import { beforeEach, describe, expect, test } from '@jest/globals';
import type { LeaseRecord } from '../../src/cluster/lease-table.ts';
import { node, request, testCluster, type TestCluster } from './test-cluster.ts';

let world: TestCluster;
beforeEach(() => {
  world = testCluster();
});

const freeCores = (name = 'a'): number | undefined =>
  world.cluster.nodes().find((status) => status.name === name)?.free.cores;
const grant = (cores: number, more: Parameters<typeof request>[1] = {}, owner = 1): string =>
  world.cluster.grant('alice', owner, request(cores, more)).lease.leaseId;

describe('leases', () => {
  beforeEach(() => void world.cluster.register(node('a'), 7n));

  test('carry what the node needs to verify them', () => {
    const { lease } = world.cluster.grant('alice', 1, request(2, { memoryMiB: 64 }));
    expect(lease).toEqual({
      keyId: 1,
      leaseId: '1'.padStart(32, '0'),
      generation: 1,
      node: 'a',
      incarnation: 7n,
      cores: 2,
      memoryMiB: 64,
      gpus: 0,
      tenant: 'alice',
      notBefore: 1_000_000,
      expiry: 1_010_000,
    });
  });

  test('never take more than there is', () => {
    grant(3);
    expect(() => grant(2)).toThrow(expect.objectContaining({ code: 'RFAAS_ERR_NO_CAPACITY' }));
    grant(1);
    expect(freeCores()).toBe(0);
  });

  test.each([
    ['no cores', request(0), 'at least 1 core'],
    ['no time', request(1, { durationMs: 0 }), '1 to 100000 ms'],
    ['too much time', request(1, { durationMs: 100_001 }), '1 to 100000 ms'],
  ])('with %s are refused', (_what, asked, text) => {
    expect(() => world.cluster.grant('alice', 1, asked)).toThrow(
      expect.objectContaining({ code: 'RFAAS_ERR_USAGE' }),
    );
    expect(() => world.cluster.grant('alice', 1, asked)).toThrow(text);
  });

  test('on a node that is not there are refused', () => {
    expect(() => grant(1, { node: 'z' })).toThrow(
      expect.objectContaining({ code: 'RFAAS_ERR_NODE_UNKNOWN' }),
    );
  });

  test('that are released keep their cores until the node confirms', () => {
    const id = grant(4);
    let freed = false;
    world.cluster.onceFreed(id, () => (freed = true));
    expect(world.cluster.release('alice', id)).toBe(true);
    expect(world.told).toEqual([{ node: 'a', leaseId: id, reason: 'released' }]);
    expect([freeCores(), freed]).toEqual([0, false]);
    world.cluster.leaseEnded('a', id);
    expect([freeCores(), freed]).toEqual([4, true]);
  });

  test('that are released and never confirmed keep their cores until expiry and skew', () => {
    world.cluster.release('alice', grant(4));
    world.now += 10_499;
    world.cluster.sweep();
    expect(freeCores()).toBe(0);
    expect(world.cluster.nextDeadline()).toBe(world.now + 1);
    world.now += 1;
    world.cluster.sweep();
    expect([freeCores(), world.cluster.nextDeadline()]).toEqual([4, undefined]);
  });

  test('that expire end at their nodes, and are free once confirmed or after the skew', () => {
    const confirmed = grant(1);
    const silent = grant(1);
    expect(world.cluster.nextDeadline()).toBe(1_010_000);
    world.now = 1_010_000;
    world.cluster.sweep();
    expect(world.told.map(({ leaseId, reason }) => [leaseId, reason])).toEqual([
      [confirmed, 'expired'],
      [silent, 'expired'],
    ]);
    world.cluster.leaseEnded('a', confirmed);
    expect(freeCores()).toBe(3);
    world.now += 500;
    world.cluster.sweep();
    expect(freeCores()).toBe(4);
  });

  test('cannot be confirmed by another node', () => {
    world.cluster.register(node('b'), 8n);
    const id = grant(4, { node: 'a' });
    world.cluster.leaseEnded('b', id);
    expect(freeCores()).toBe(0);
  });

  test('are unknown to other tenants', () => {
    const id = grant(1);
    const unknown = expect.objectContaining({ code: 'RFAAS_ERR_LEASE_UNKNOWN' });
    expect(() => world.cluster.release('bob', id)).toThrow(unknown);
    expect(() => world.cluster.usage('bob', id)).toThrow(unknown);
  });

  test('that have ended already may be released: nothing changes', () => {
    const id = grant(1);
    world.cluster.ownerGone(1);
    expect(world.cluster.release('alice', id)).toBe(true);
    expect(world.told).toMatchObject([{ reason: 'client-gone' }]);
    world.cluster.leaseEnded('a', id);
    expect(world.cluster.release('alice', id)).toBe(false);
    expect(freeCores()).toBe(4);
  });

  test('of a client that went away end, those of others stay', () => {
    const gone = grant(1, {}, 1);
    const stays = grant(1, {}, 2);
    world.cluster.ownerGone(1);
    expect(world.told).toEqual([{ node: 'a', leaseId: gone, reason: 'client-gone' }]);
    expect(world.cluster.leases().map(({ lease, ending }) => [lease.leaseId, ending])).toEqual([
      [gone, 'client-gone'],
      [stays, undefined],
    ]);
  });
});

describe('nodes', () => {
  test('of one name cannot be there twice', () => {
    world.cluster.register(node('a'), 1n);
    expect(() => world.cluster.register(node('a'), 2n)).toThrow(
      expect.objectContaining({ code: 'RFAAS_ERR_NODE_EXISTS' }),
    );
    expect(() => world.cluster.preload(node('a'))).toThrow(
      expect.objectContaining({ code: 'RFAAS_ERR_NODE_EXISTS' }),
    );
    world.cluster.nodeLost('a');
    world.cluster.register(node('a'), 2n);
    expect(world.cluster.nodes()).toMatchObject([{ name: 'a', incarnation: 2n, state: 'connected' }]);
  });

  test('that are lost lease nothing, and their leases end', () => {
    world.cluster.register(node('a'), 1n);
    grant(1);
    world.cluster.nodeLost('a');
    expect(world.told).toEqual([]);
    expect(world.cluster.leases()).toMatchObject([{ ending: 'node-removed' }]);
    expect(() => grant(1)).toThrow(expect.objectContaining({ code: 'RFAAS_ERR_NO_CAPACITY' }));
  });

  test('that start anew have ended everything before', () => {
    world.cluster.register(node('a'), 1n);
    grant(4);
    world.cluster.nodeLost('a');
    expect(world.cluster.register(node('a'), 2n)).toEqual([]);
    expect(freeCores()).toBe(4);
  });

  test('that only lost their connection are told what ended meanwhile', () => {
    world.cluster.register(node('a'), 1n);
    const id = grant(4);
    world.cluster.nodeLost('a');
    const ending: readonly LeaseRecord[] = world.cluster.register(node('a'), 1n);
    expect(ending.map(({ lease }) => lease.leaseId)).toEqual([id]);
    expect(freeCores()).toBe(0);
    world.cluster.leaseEnded('a', id);
    expect(freeCores()).toBe(4);
  });

  test('that were not seen are leased for any start, and their leases go on when they register', () => {
    world.cluster.preload(node('a'));
    const { lease } = world.cluster.grant('alice', 1, request(1));
    expect(lease.incarnation).toBe(0n);
    expect(world.cluster.register(node('a', 8), 5n)).toEqual([]);
    expect(world.cluster.leases()).toMatchObject([{ ending: undefined }]);
    expect(freeCores()).toBe(7);
    world.cluster.release('alice', lease.leaseId);
    expect(world.told).toMatchObject([{ leaseId: lease.leaseId }]);
  });

  test('that were not seen cannot confirm: their leases are free after expiry and skew', () => {
    world.cluster.preload(node('a'));
    expect(world.cluster.release('alice', grant(4))).toBe(false);
    expect(freeCores()).toBe(0);
    world.now += 10_500;
    world.cluster.sweep();
    expect(freeCores()).toBe(4);
  });

  test('can be removed, with their leases', () => {
    world.cluster.register(node('a'), 1n);
    const id = grant(1);
    world.cluster.removeNode('a');
    expect(world.told).toEqual([{ node: 'a', leaseId: id, reason: 'node-removed' }]);
    expect(world.cluster.nodes()).toEqual([]);
    expect(() => world.cluster.removeNode('a')).toThrow(
      expect.objectContaining({ code: 'RFAAS_ERR_NODE_UNKNOWN' }),
    );
  });

  test('that come back after removal still owe what was not confirmed', () => {
    world.cluster.register(node('a'), 1n);
    grant(3);
    world.cluster.removeNode('a');
    world.cluster.nodeLost('a');
    world.cluster.register(node('a'), 1n);
    expect(freeCores()).toBe(1);
  });
});

describe('the store', () => {
  test('hears of every change before anybody else, and gives back what it had', () => {
    const stored = new Map<string, LeaseRecord>();
    const store = {
      load: () => [...stored.values()],
      put: (record: LeaseRecord) => void stored.set(record.lease.leaseId, record),
      delete: (leaseId: string) => void stored.delete(leaseId),
    };
    world = testCluster({ store });
    world.cluster.register(node('a'), 1n);
    const id = grant(3);
    expect([...stored.values()]).toMatchObject([{ lease: { leaseId: id }, ending: undefined }]);

    world = testCluster({ store });
    world.cluster.register(node('a'), 1n);
    expect(freeCores()).toBe(1);
    world.cluster.release('alice', id);
    expect(stored.get(id)).toMatchObject({ ending: 'released' });
    world.cluster.leaseEnded('a', id);
    expect(stored.size).toBe(0);
  });

  test('that fails makes the request fail and leaves nothing leased', () => {
    world = testCluster({
      store: {
        load: () => [],
        put: () => {
          throw new Error('disk full');
        },
        delete: () => undefined,
      },
    });
    world.cluster.register(node('a'), 1n);
    expect(() => grant(1)).toThrow('disk full');
    expect(freeCores()).toBe(4);
  });
});
