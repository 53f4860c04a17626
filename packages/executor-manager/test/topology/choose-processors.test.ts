import { describe, expect, test } from '@jest/globals';
import {
  chooseProcessors,
  oneOfEachCore,
  oversubscribed,
  sharedCores,
} from '../../src/topology/choose-processors.ts';
import type { ProcessorTopology } from '../../src/topology/processor-topology.ts';

/** Two NUMA nodes of four cores with two threads each: 8 to 15 are the second threads of 0 to 7. */
const twoNodes: ProcessorTopology = new Map(
  range(16).map((cpu) => [cpu, { core: cpu % 8, node: cpu % 8 < 4 ? 0 : 1 }]),
);

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

function choose(count: number, free: readonly number[], held: readonly number[] = []): number[] {
  return chooseProcessors(count, { free, held, topology: twoNodes });
}

describe('an allocation', () => {
  test('gets idle cores before the second threads of busy ones', () => {
    expect(choose(4, range(16))).toEqual([0, 1, 2, 3]);
    expect(choose(8, range(16))).toEqual(range(8));
    expect(choose(2, [8, 9, 6, 7], [0, 1])).toEqual([6, 7]);
    expect(choose(3, [8, 9, 6, 14], [0, 1])).toEqual([6, 8, 14]);
  });

  test('shares cores only once none is idle, and evenly', () => {
    expect(choose(10, range(16))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(choose(1, [0, 8, 9], [0, 8, 1])).toEqual([9]);
  });

  test('stays on one NUMA node, the one that it fills best', () => {
    expect(choose(2, [1, 2, 3, 4, 5])).toEqual([4, 5]);
    expect(choose(3, [1, 2, 3, 4, 5])).toEqual([1, 2, 3]);
    expect(choose(4, [2, 3, 4, 5, 6])).toEqual([2, 4, 5, 6]);
  });

  test('never takes more than is free', () => {
    expect(choose(0, [])).toEqual([]);
    expect(() => choose(3, [1, 2])).toThrow('3 processors cannot be chosen of 2 that are free');
  });

  test.each([1, 2, 3, 5, 8, 13, 16])(
    'of %i cores has no two on a core while another core is idle',
    (count) => {
      for (let seed = 1; seed <= 200; seed += 1) {
        const shuffled = range(16).sort((one, other) => hash(one, seed) - hash(other, seed));
        const held = shuffled.slice(0, seed % 12);
        const free = shuffled.slice(seed % 12);
        if (count > free.length) {
          continue;
        }
        const chosen = choose(count, free, held);
        const loads = new Map<number, number>();
        [...held, ...chosen].forEach((cpu) => loads.set(cpu % 8, (loads.get(cpu % 8) ?? 0) + 1));
        const sharing = chosen.filter((cpu) => (loads.get(cpu % 8) ?? 0) > 1);
        const idle = free.filter((cpu) => !loads.has(cpu % 8));
        expect(new Set(chosen).size).toBe(count);
        expect(chosen.every((cpu) => free.includes(cpu))).toBe(true);
        expect(sharing.length === 0 || idle.length === 0).toBe(true);
      }
    },
  );
});

function hash(value: number, seed: number): number {
  return ((value + 1) * 2_654_435_761 * seed) % 4_294_967_291;
}

describe('a node', () => {
  test('leases out one thread of each core', () => {
    expect(oneOfEachCore(range(16), twoNodes)).toEqual(range(8));
    expect(oneOfEachCore([9, 1, 2], twoNodes)).toEqual([9, 2]);
    expect(oneOfEachCore([3, 1], new Map())).toEqual([3, 1]);
  });

  test('that is oversubscribed leases out the second threads first, and then cores again', () => {
    const host = { available: range(16), topology: twoNodes };
    expect(oversubscribed([0, 1], 1, host)).toEqual([0, 1]);
    expect(oversubscribed([0, 1], 1.5, host)).toEqual([0, 1, 8]);
    expect(oversubscribed([0, 1], 3, host)).toEqual([0, 1, 8, 9, 0, 1]);
    expect(oversubscribed([0, 1], 2, { ...host, topology: new Map() })).toEqual([0, 1, 0, 1]);
  });

  test('knows which of its processors share a core', () => {
    expect(sharedCores([0, 1, 8, 3, 3], twoNodes)).toEqual([
      [0, 8],
      [3, 3],
    ]);
    expect(sharedCores([0, 1, 2], twoNodes)).toEqual([]);
  });
});
