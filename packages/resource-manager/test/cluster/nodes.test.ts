import { beforeEach, describe, expect, test } from '@jest/globals';
import { granted, node, request, testCluster, type TestCluster } from './test-cluster.ts';

let world: TestCluster;
beforeEach(() => {
  world = testCluster();
});

const freeCores = (name = 'a'): number | undefined =>
  world.cluster.views.nodes().find((status) => status.name === name)?.free.cores;
const grant = (cores: number): string => granted(world, request(cores)).leaseId;

describe('nodes', () => {
  test('of one name cannot be there twice', () => {
    world.cluster.register(node('a'), 1n);
    const exists = expect.objectContaining({ code: 'RFAAS_ERR_NODE_EXISTS' });
    expect(() => world.cluster.register(node('a'), 2n)).toThrow(exists);
    expect(() => world.cluster.preload(node('a'))).toThrow(exists);
    world.cluster.nodeGone('a');
    world.cluster.register(node('a'), 2n);
    expect(world.cluster.views.nodes()).toMatchObject([{ name: 'a', incarnation: 2n, state: 'connected' }]);
  });

  test('that connect again before anybody noticed are the same node', () => {
    world.cluster.register(node('a'), 1n);
    grant(1);
    world.cluster.register(node('a'), 1n);
    expect(freeCores()).toBe(3);
    expect(world.cluster.views.leases()).toMatchObject([{ ending: undefined }]);
  });

  test('that are gone are suspect: they get no leases, and keep what they have', () => {
    world.cluster.register(node('a'), 1n);
    grant(1);
    world.cluster.nodeGone('a');
    expect(world.cluster.views.nodes()).toMatchObject([{ state: 'suspect' }]);
    expect(world.cluster.views.leases()).toMatchObject([{ ending: undefined }]);
    expect(() => grant(1)).toThrow(expect.objectContaining({ code: 'RFAAS_ERR_NO_CAPACITY' }));
    world.cluster.register(node('a'), 1n);
    expect(freeCores()).toBe(3);
    grant(1);
  });

  test('that stay away are lost, and their leases end', () => {
    world.cluster.register(node('a'), 1n);
    grant(1);
    world.cluster.nodeGone('a');
    world.now += 2000;
    world.cluster.sweep();
    expect(world.cluster.views.nodes()).toMatchObject([{ state: 'lost' }]);
    expect(world.cluster.views.leases()).toMatchObject([{ ending: 'node-lost' }]);
    expect([world.told, world.news]).toEqual([[], ['dismissed a']]);
  });

  test('that start anew have ended everything before', () => {
    world.cluster.register(node('a'), 1n);
    grant(4);
    world.cluster.nodeGone('a');
    expect(world.cluster.register(node('a'), 2n).endings).toEqual([]);
    expect([freeCores(), world.told]).toEqual([4, []]);
  });

  test('that come back after they were lost are told what ended meanwhile', () => {
    world.cluster.register(node('a'), 1n);
    const id = grant(4);
    world.cluster.nodeGone('a');
    world.now += 2000;
    world.cluster.sweep();
    const { endings } = world.cluster.register(node('a'), 1n);
    expect(endings).toEqual([{ leaseId: id, reason: 'node-lost' }]);
    expect(freeCores()).toBe(0);
    world.cluster.leaseEnded('a', id);
    expect(freeCores()).toBe(4);
  });

  test('that hold leases which were given up end them before anybody else gets their cores', () => {
    world.cluster.register(node('a'), 1n);
    const id = grant(3);
    world.cluster.nodeGone('a');
    world.now += 20_000;
    world.cluster.sweep();
    expect(world.cluster.views.leases()).toEqual([]);
    const held = {
      leaseId: id,
      tenant: 'alice',
      generation: 1,
      cores: 3,
      memoryMiB: 0,
      gpus: 0,
      expiry: 1_010_000,
    };
    const { endings } = world.cluster.register(node('a'), 1n, [held]);
    expect(endings).toEqual([{ leaseId: id, reason: 'not-known' }]);
    expect(freeCores()).toBe(1);
    world.cluster.leaseEnded('a', id);
    expect(freeCores()).toBe(4);
  });

  test('that hold leases which go on keep them', () => {
    world.cluster.register(node('a'), 1n);
    const id = grant(3);
    world.cluster.nodeGone('a');
    const held = {
      leaseId: id,
      tenant: 'alice',
      generation: 1,
      cores: 3,
      memoryMiB: 0,
      gpus: 0,
      expiry: 1_010_000,
    };
    expect(world.cluster.register(node('a'), 1n, [held]).endings).toEqual([]);
    expect(freeCores()).toBe(1);
  });

  test('that were not seen are leased for any start, and their leases go on when they register', () => {
    world.cluster.preload(node('a'));
    const { leaseId, shares } = granted(world, request(1));
    expect(shares).toMatchObject([{ incarnation: 0n }]);
    world.cluster.register(node('a', 8), 5n);
    expect(world.cluster.views.leases()).toMatchObject([{ ending: undefined }]);
    expect(freeCores()).toBe(7);
    world.cluster.release('alice', leaseId);
    expect(world.told).toMatchObject([{ leaseId }]);
  });

  test('that were not seen cannot confirm: their leases are free after expiry and skew', () => {
    world.cluster.preload(node('a'));
    expect(world.cluster.release('alice', grant(4))).toBe(false);
    expect(freeCores()).toBe(0);
    world.now += 10_500;
    world.cluster.sweep();
    expect(freeCores()).toBe(4);
  });
});

describe('draining a node', () => {
  beforeEach(() => void world.cluster.register(node('a'), 1n));

  test('keeps its leases until the grace time is over, and grants no new ones', () => {
    const id = grant(1);
    world.cluster.drainNode('a', 1000);
    expect(world.news).toEqual(['drain a 1000']);
    expect(() => grant(1)).toThrow(expect.objectContaining({ code: 'RFAAS_ERR_NO_CAPACITY' }));
    world.now += 999;
    world.cluster.sweep();
    expect(world.told).toEqual([]);
    world.now += 1;
    world.cluster.sweep();
    expect(world.told).toEqual([{ node: 'a', leaseId: id, reason: 'node-drained' }]);
    expect(world.cluster.views.nodes()).toMatchObject([{ drain: 'draining' }]);
    world.cluster.leaseEnded('a', id);
    expect(world.cluster.views.nodes()).toMatchObject([{ drain: 'drained' }]);
  });

  test('is over as soon as nothing is leased there', () => {
    const id = grant(1);
    world.cluster.drainNode('a', 1000);
    world.cluster.release('alice', id);
    world.cluster.leaseEnded('a', id);
    expect(world.cluster.views.nodes()).toMatchObject([{ drain: 'drained' }]);
    world.cluster.resumeNode('a');
    expect(world.news).toEqual(['drain a 1000', 'resume a']);
    grant(4);
  });

  test('survives that the node connects again, and ends when it starts anew', () => {
    world.cluster.drainNode('a', 1000);
    world.cluster.nodeGone('a');
    world.cluster.register(node('a'), 1n);
    expect(world.cluster.views.nodes()).toMatchObject([{ drain: 'drained' }]);
    world.cluster.nodeGone('a');
    world.cluster.register(node('a'), 2n);
    expect(world.cluster.views.nodes()).toMatchObject([{ drain: 'no' }]);
  });

  test('for good forgets it once it is empty, and dismisses it', () => {
    const id = grant(1);
    world.cluster.drainNode('a', 0, true);
    expect(world.told).toEqual([{ node: 'a', leaseId: id, reason: 'node-drained' }]);
    expect(world.cluster.views.nodes()).toHaveLength(1);
    world.cluster.leaseEnded('a', id);
    expect([world.cluster.views.nodes(), world.news]).toEqual([[], ['drain a 0', 'dismissed a']]);
    expect(() => world.cluster.drainNode('a', 0)).toThrow(
      expect.objectContaining({ code: 'RFAAS_ERR_NODE_UNKNOWN' }),
    );
  });

  test('that is not there forgets it at once; what was not confirmed is still owed when it comes back', () => {
    grant(3);
    world.cluster.nodeGone('a');
    world.cluster.drainNode('a', 0, true);
    expect(world.cluster.views.nodes()).toEqual([]);
    world.cluster.register(node('a'), 1n);
    expect(freeCores()).toBe(1);
  });
});
