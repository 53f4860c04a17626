import { describe, expect, test } from '@jest/globals';
import type { NodeState } from '../../src/cluster/executor-registry.ts';
import { chooseNode, freeOf, type Candidate } from '../../src/cluster/lease-allocator.ts';
import { node, request } from './test-cluster.ts';

function candidate(name: string, cores: number, takenCores = 0, state: NodeState = 'connected'): Candidate {
  return {
    node: { ...node(name, cores), incarnation: 1n, state },
    taken: { cores: takenCores, memoryMiB: 0, gpus: 0 },
  };
}

function chosen(candidates: readonly Candidate[], ...asked: Parameters<typeof request>): string {
  const decision = chooseNode(request(...asked), candidates);
  return decision.ok ? decision.node.name : decision.reason;
}

describe('chooseNode', () => {
  test.each([
    ['the only one', [candidate('a', 4)], 'a'],
    ['the fullest that has room', [candidate('a', 8), candidate('b', 4), candidate('c', 1)], 'b'],
    ['by what is free, not by size', [candidate('a', 8, 6), candidate('b', 4)], 'a'],
    ['the first name among equals', [candidate('b', 4), candidate('a', 4)], 'a'],
    ['a connected one first', [candidate('a', 2, 0, 'unverified'), candidate('b', 8)], 'b'],
    [
      'one that was never seen if no other has room',
      [candidate('a', 2, 0, 'unverified'), candidate('b', 1)],
      'a',
    ],
  ] as const)('takes %s', (_what, candidates, name) => {
    expect(chosen(candidates, 2)).toBe(name);
  });

  test('keeps to the node that is asked for', () => {
    const both = [candidate('a', 4), candidate('b', 4)];
    expect(chosen(both, 2, { node: 'b' })).toBe('b');
    expect(chosen(both, 2, { node: 'c' })).toBe('unknown-node');
    expect(chosen([candidate('a', 4), candidate('b', 4, 3)], 2, { node: 'b' })).toBe('occupied');
  });

  test('looks at memory and GPUs too', () => {
    expect(chosen([candidate('a', 4)], 1, { memoryMiB: 1024 })).toBe('a');
    expect(chosen([candidate('a', 4)], 1, { memoryMiB: 1025 })).toBe('too-large');
    expect(chosen([candidate('a', 4)], 1, { gpus: 1 })).toBe('too-large');
  });

  test('tells what can come true by waiting from what cannot', () => {
    expect(chosen([candidate('a', 4, 3)], 4)).toBe('occupied');
    expect(chosen([candidate('a', 4)], 5)).toBe('too-large');
    expect(chosen([candidate('a', 4, 0, 'lost')], 1)).toBe('no-nodes');
    expect(chosen([], 1)).toBe('no-nodes');
    expect(chooseNode(request(5, { gpus: 1 }), [candidate('a', 4)])).toMatchObject({
      text: 'no node has 5 cores and 0 MiB and 1 GPU at all; ask for less',
    });
  });

  test('a node that registered again with less has nothing free, not less than nothing', () => {
    expect(freeOf(candidate('a', 2, 6))).toEqual({ cores: 0, memoryMiB: 1024, gpus: 0 });
  });
});
