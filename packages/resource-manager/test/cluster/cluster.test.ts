import { beforeEach, describe, expect, test } from '@jest/globals';
import { granted, node, request, testCluster, Waiter, type TestCluster } from './test-cluster.ts';

let world: TestCluster;
beforeEach(() => {
  world = testCluster();
});

const freeCores = (name = 'a'): number | undefined =>
  world.cluster.views.nodes().find((status) => status.name === name)?.free.cores;
const grant = (cores: number, more: Parameters<typeof request>[1] = {}, owner = 1): string =>
  granted(world, request(cores, more), 'alice', owner).leaseId;

describe('leases', () => {
  beforeEach(() => void world.cluster.register(node('a'), 7n));

  test('have what was asked for, on a node that has it', () => {
    const asked = request(2, { memoryMiB: 64 });
    expect(granted(world, asked)).toEqual({
      leaseId: asked.leaseId,
      tenant: 'alice',
      generation: 1,
      notBefore: 1_000_000,
      expiry: 1_010_000,
      shares: [{ node: 'a', incarnation: 7n, cores: 2, memoryMiB: 64, gpus: 0, state: 'held' }],
      ending: undefined,
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
    expect(() => granted(world, asked)).toThrow(expect.objectContaining({ code: 'RFAAS_ERR_USAGE' }));
    expect(() => granted(world, asked)).toThrow(text);
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

  test('that are released keep their cores for as long as their node is there and has not confirmed', () => {
    world.cluster.release('alice', grant(4));
    world.now += 1_000_000;
    world.cluster.sweep();
    expect(freeCores()).toBe(0);
  });

  test('of a node that is gone keep their cores until expiry and skew', () => {
    world.cluster.release('alice', grant(4));
    world.cluster.nodeGone('a');
    world.now += 10_499;
    world.cluster.sweep();
    expect(world.cluster.views.leases()).toHaveLength(1);
    expect(world.cluster.nextDeadline()).toBe(world.now + 1);
    world.now += 1;
    world.cluster.sweep();
    expect(world.cluster.views.leases()).toEqual([]);
    expect(freeCores()).toBe(4);
  });

  test('that expire end at their nodes, and are free once these confirm', () => {
    const first = grant(1);
    const second = grant(1);
    expect(world.cluster.nextDeadline()).toBe(1_010_000);
    world.now = 1_010_000;
    world.cluster.sweep();
    expect(world.told.map(({ leaseId, reason }) => [leaseId, reason])).toEqual([
      [first, 'expired'],
      [second, 'expired'],
    ]);
    world.cluster.leaseEnded('a', first);
    expect(freeCores()).toBe(3);
    world.cluster.leaseEnded('a', second);
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
    expect(world.cluster.views.leases().map(({ leaseId, ending }) => [leaseId, ending])).toEqual([
      [gone, 'client-gone'],
      [stays, undefined],
    ]);
  });
});

describe('the queue', () => {
  test.each([
    [500, 'queued'],
    [60_000, 'granted'],
  ])('lets others pass a large request until it has waited for %d ms', (queuePatienceMs, expected) => {
    world = testCluster({ queuePatienceMs });
    world.cluster.register(node('a'), 7n);
    grant(3);
    const large = world.cluster.request('bob', 2, request(4, { queueMs: 9000 }), new Waiter());
    expect(large.kind).toBe('queued');
    const small = granted(world, request(1), 'carol');
    world.now += 600;
    world.cluster.release('carol', small.leaseId);
    world.cluster.leaseEnded('a', small.leaseId);
    const next = world.cluster.request('carol', 3, request(1, { queueMs: 9000 }), new Waiter());
    expect(next.kind).toBe(expected);
  });
});
