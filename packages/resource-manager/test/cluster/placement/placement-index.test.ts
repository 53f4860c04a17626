import { describe, expect, test } from '@jest/globals';
import { PlacementIndex } from '../../../src/cluster/placement/placement-index.ts';
import type { PlacementNode } from '../../../src/cluster/placement/placement-node.ts';
import type { PlacementPolicy } from '../../../src/cluster/placement/placement-policy.ts';
import {
  placementRequest,
  type CoresShape,
  type NodesShape,
} from '../../../src/cluster/placement/placement-request.ts';
import { seededRandom } from '../../../src/cluster/placement/random.ts';

const random = seededRandom(1);

function indexOf(
  nodes: readonly PlacementNode[],
  policy: PlacementPolicy = { kind: 'pack' },
): PlacementIndex {
  const index = new PlacementIndex({ policy });
  for (const node of nodes) {
    index.put(node);
  }
  return index;
}

function node(name: string, cores: number, more: Partial<PlacementNode> = {}): PlacementNode {
  return { name, cores, memoryMiB: 1024, gpus: 0, ...more };
}

function cores(count: number, more: Partial<CoresShape> = {}): CoresShape {
  return { cores: count, memoryMiB: 0, gpus: 0, ...more };
}

function nodes(count: number, coresPerNode: number, more: Partial<NodesShape> = {}): NodesShape {
  return { nodes: count, coresPerNode, memoryMiBPerNode: 0, gpusPerNode: 0, ...more };
}

/** The shares as `name:cores`, or the reason of a refusal. */
function placed(index: PlacementIndex, shape: CoresShape | NodesShape): string {
  const decision = index.place(placementRequest(shape), random);
  return decision.ok
    ? decision.shares.map((share) => `${share.node}:${share.cores}`).join(' ')
    : decision.reason;
}

describe('pack', () => {
  test.each([
    ['the only node', [node('a', 4)], 'a:2'],
    ['the fullest that has room', [node('a', 8), node('b', 4), node('c', 1)], 'b:2'],
    ['the first among equals', [node('b', 4), node('a', 4)], 'b:2'],
    ['a node without GPUs first', [node('a', 4, { gpus: 1 }), node('b', 8)], 'b:2'],
    ['an open node first', [node('a', 2, { admission: 'reserve' }), node('b', 8)], 'b:2'],
    ['the reserve if no open node has room', [node('a', 2, { admission: 'reserve' }), node('b', 1)], 'a:2'],
    ['no closed node', [node('a', 2, { admission: 'closed' }), node('b', 4)], 'b:2'],
  ])('takes %s', (_what, candidates, expected) => {
    expect(placed(indexOf(candidates), nodes(1, 2))).toBe(expected);
  });

  test('puts cores on the fewest nodes and the rest where it just fits', () => {
    const index = indexOf([node('a', 8), node('b', 16), node('c', 3), node('d', 4)]);
    expect(placed(index, cores(27))).toBe('b:16 a:8 c:3');
    expect(placed(index, cores(8))).toBe('a:8');
  });

  test('gives every node of a lease its cores', () => {
    const index = indexOf([node('a', 8), node('b', 16), node('c', 3)]);
    expect(placed(index, nodes(2, 4))).toBe('a:4 b:4');
    expect(placed(index, nodes(3, 4))).toBe('too-large');
  });
});

describe('other policies', () => {
  test('spread takes the emptiest nodes', () => {
    const index = indexOf([node('a', 8), node('b', 16), node('c', 3)], { kind: 'spread' });
    expect(placed(index, cores(2))).toBe('b:2');
    expect(placed(index, nodes(2, 2))).toBe('b:2 a:2');
  });

  test('random takes every node with room now and then, and the same ones under the same seed', () => {
    const all = ['a', 'b', 'c', 'd'].map((name) => node(name, 4));
    const draw = (seed: number): string[] => {
      const source = seededRandom(seed);
      const index = indexOf(all, { kind: 'random' });
      return Array.from({ length: 64 }, () => {
        const decision = index.place(placementRequest(cores(2)), source);
        return decision.ok ? (decision.shares[0]?.node ?? '') : decision.reason;
      });
    };
    expect([...new Set(draw(7))].sort()).toEqual(['a', 'b', 'c', 'd']);
    expect(draw(7)).toEqual(draw(7));
  });

  test('locality keeps a lease within one value of the label while it can', () => {
    const index = indexOf(
      [1, 2, 1, 2].map((rack, i) => node(`n${i}`, rack * 4, { labels: { rack: `r${rack}` } })),
      { kind: 'locality', label: 'rack' },
    );
    expect(placed(index, cores(8))).toBe('n1:8');
    expect(placed(index, nodes(2, 4))).toBe('n0:4 n2:4');
    expect(placed(index, nodes(2, 5))).toBe('n1:5 n3:5');
    expect(placed(index, nodes(3, 4))).toBe('n1:4 n3:4 n0:4');
    expect(placed(index, cores(16))).toBe('n3:8 n1:8');
    expect(placed(index, cores(20))).toBe('n3:8 n1:8 n0:4');
    expect(placed(index, cores(20, { within: 'rack' }))).toBe('too-large');
  });
});

describe('conditions', () => {
  const racks = indexOf([
    node('a', 4, { labels: { rack: 'r1', arch: 'arm64' } }),
    node('b', 8, { labels: { rack: 'r1', arch: 'x64' } }),
    node('c', 2, { labels: { rack: 'r2', arch: 'x64' } }),
  ]);

  test('keep to the node, the labels and the domain that are asked for', () => {
    expect(placed(racks, cores(2, { node: 'b' }))).toBe('b:2');
    expect(placed(racks, cores(2, { node: 'z' }))).toBe('unknown-node');
    expect(placed(racks, cores(3, { labels: { arch: 'x64' } }))).toBe('b:3');
    expect(placed(racks, cores(1, { labels: { arch: 'x64', rack: 'r2' } }))).toBe('c:1');
    expect(placed(racks, cores(1, { labels: { arch: 'mips' } }))).toBe('no-match');
    expect(placed(racks, cores(12, { within: 'rack' }))).toBe('b:8 a:4');
    expect(placed(racks, cores(13, { within: 'rack' }))).toBe('too-large');
    expect(placed(racks, cores(13))).toBe('b:8 a:4 c:1');
  });

  test('take less than was asked for if that is allowed', () => {
    expect(placed(racks, cores(20, { atLeast: 14 }))).toBe('b:8 a:4 c:2');
    expect(placed(racks, cores(20, { atLeast: 15 }))).toBe('too-large');
    expect(placed(racks, nodes(3, 4, { atLeast: 2 }))).toBe('a:4 b:4');
  });

  test('look at memory and GPUs too', () => {
    const index = indexOf([node('a', 4), node('b', 4, { gpus: 2 })]);
    expect(placed(index, cores(1, { memoryMiB: 1024 }))).toBe('a:1');
    expect(placed(index, cores(2, { memoryMiB: 2048 }))).toBe('a:1 b:1');
    expect(placed(index, nodes(1, 1, { memoryMiBPerNode: 1025 }))).toBe('too-large');
    expect(placed(index, cores(4, { gpus: 2 }))).toBe('b:4');
    expect(placed(index, cores(4, { gpus: 3 }))).toBe('too-large');
  });
});

describe('what is taken', () => {
  test('is not placed again until it is given back', () => {
    const index = indexOf([node('a', 4, { oversubscription: 1.5 })]);
    const decision = index.place(placementRequest(cores(6, { memoryMiB: 24 })), random);
    const shares = decision.ok ? decision.shares : [];
    expect(shares).toEqual([{ node: 'a', cores: 6, memoryMiB: 24, gpus: 0 }]);
    index.take(shares);
    expect(index.free('a')).toEqual({ cores: 0, memoryMiB: 1000, gpus: 0 });
    expect(placed(index, cores(1))).toBe('occupied');
    index.giveBack(shares);
    expect(placed(index, cores(6))).toBe('a:6');
    expect(() => index.giveBack(shares)).toThrow('more is given back of node "a" than was taken');
  });

  test('outlives its node, and makes one that comes back with less have nothing free', () => {
    const index = indexOf([node('a', 4)]);
    const share = { node: 'a', cores: 3, memoryMiB: 0, gpus: 0 };
    index.take([share]);
    index.remove('a');
    expect(index.free('a').cores).toBe(0);
    expect(placed(index, cores(1))).toBe('no-nodes');
    index.put(node('a', 2));
    expect(index.taken('a').cores).toBe(3);
    expect(index.free('a').cores).toBe(0);
    index.giveBack([share]);
    expect(index.free('a').cores).toBe(2);
  });
});

test('a refusal says what was asked and what would fit', () => {
  const index = indexOf([node('a', 4), node('b', 8)]);
  index.take([{ node: 'b', cores: 2, memoryMiB: 0, gpus: 0 }]);
  expect(index.place(placementRequest(nodes(2, 5)), random)).toMatchObject({
    reason: 'too-large',
    fittingParts: 1,
    mostCores: 6,
    text: 'the cluster does not have 5 cores and 0 MiB on each of 2 nodes at all; ask for less',
  });
  expect(index.place(placementRequest(cores(12)), random)).toMatchObject({
    reason: 'occupied',
    fittingParts: 10,
    text: '12 cores and 0 MiB are not free now, 10 cores are; wait until leases end, or ask for less',
  });
});

test('more selections by labels than are kept up to date give the same answers', () => {
  const names = Array.from({ length: 100 }, (_, i) => `n${i}`);
  const index = indexOf(names.map((name) => node(name, 4, { labels: { name, half: `h${name.length}` } })));
  for (let round = 1; round <= 2; round += 1) {
    for (const name of names) {
      const labels = { name, half: `h${name.length}` };
      const decision = index.place(placementRequest(cores(2, { labels, within: 'half' })), random);
      expect(decision).toMatchObject({ ok: true, shares: [{ node: name, cores: 2 }] });
      index.take(decision.ok ? decision.shares : []);
      expect(index.free(name).cores).toBe(4 - 2 * round);
    }
  }
  expect(placed(index, cores(1, { labels: { half: 'h2' } }))).toBe('occupied');
});
