import { describe, expect, test } from '@jest/globals';
import { FreeList } from '../src/memory/free-list.ts';
import { randomStream } from './random.ts';

describe('the free list', () => {
  test('joins neighbours on both sides', () => {
    const list = new FreeList(300);
    expect([list.take(100), list.take(100), list.take(100)]).toEqual([0, 100, 200]);
    expect(list.take(1)).toBeUndefined();
    list.give(0, 100);
    list.give(200, 100);
    expect(list.take(200)).toBeUndefined();
    list.give(100, 100);
    expect(list.take(300)).toBe(0);
  });

  test('takes from the smallest block that fits', () => {
    const list = new FreeList(1000);
    const [first, , third] = [list.take(200), list.take(100), list.take(100), list.take(600)];
    list.give(first ?? -1, 200);
    list.give(third ?? -1, 100);
    expect(list.take(100)).toBe(third);
  });

  test.each([1, 2, 3, 4])('agrees with a map of bytes over random steps (seed %d)', (seed) => {
    const size = 512;
    const random = randomStream(seed);
    const list = new FreeList(size);
    const used = new Array<boolean>(size).fill(false);
    const held: { offset: number; length: number }[] = [];
    const longestRun = (): number =>
      Math.max(
        ...used
          .map((busy) => (busy ? '1' : '0'))
          .join('')
          .split('1')
          .map((run) => run.length),
      );
    for (let step = 0; step < 3000; step += 1) {
      if (held.length === 0 || random() < 0.55) {
        const length = 1 + Math.floor(random() * 40);
        const longest = longestRun();
        const offset = list.take(length);
        expect(offset === undefined).toBe(longest < length);
        if (offset !== undefined) {
          expect(used.slice(offset, offset + length)).not.toContain(true);
          used.fill(true, offset, offset + length);
          held.push({ offset, length });
        }
      } else {
        const [block] = held.splice(Math.floor(random() * held.length), 1);
        if (block !== undefined) {
          list.give(block.offset, block.length);
          used.fill(false, block.offset, block.offset + block.length);
        }
      }
      expect(list.freeBytes).toBe(used.filter((busy) => !busy).length);
    }
  });
});
