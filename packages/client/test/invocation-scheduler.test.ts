import { describe, expect, test } from '@jest/globals';
import { InvocationScheduler } from '../src/invocation-scheduler.ts';

function threadsWith(...free: number[]): { freeCount: number }[] {
  return free.map((freeCount) => ({ freeCount }));
}

describe('InvocationScheduler', () => {
  test('threads take turns while they are equally free', () => {
    const scheduler = new InvocationScheduler<string>(threadsWith(2, 2, 2));
    expect([1, 2, 3, 4, 5, 6].map(() => scheduler.pick())).toEqual([0, 1, 2, 0, 1, 2]);
  });

  test('the thread with the most free slots goes first', () => {
    const scheduler = new InvocationScheduler<string>(threadsWith(1, 5, 3));
    expect(scheduler.pick()).toBe(1);
    expect(scheduler.pick()).toBe(1);
  });

  test('no thread is picked when every slot is busy', () => {
    expect(new InvocationScheduler<string>(threadsWith(0, 0)).pick()).toBe(-1);
    expect(new InvocationScheduler<string>([]).pick()).toBe(-1);
  });

  test('work in flight stays within one of even', () => {
    const threads = threadsWith(8, 8, 8, 8);
    const scheduler = new InvocationScheduler<string>(threads);
    for (let count = 0; count < 32; count += 1) {
      threads[scheduler.pick()]!.freeCount -= 1;
      const free = threads.map((thread) => thread.freeCount);
      expect(Math.max(...free) - Math.min(...free)).toBeLessThanOrEqual(1);
    }
  });

  test('those who wait are served in order, as slots become free', () => {
    const threads = threadsWith(0, 0);
    const scheduler = new InvocationScheduler<string>(threads);
    ['a', 'b', 'c'].forEach((name) => scheduler.wait(name));
    expect(scheduler.next()).toBeUndefined();
    threads[1]!.freeCount = 1;
    expect(scheduler.next()).toEqual({ invocation: 'a', thread: 1 });
    expect(scheduler.forget('b')).toBe(true);
    expect(scheduler.forget('b')).toBe(false);
    expect(scheduler.next()).toEqual({ invocation: 'c', thread: 1 });
    expect(scheduler.next()).toBeUndefined();
    expect(scheduler.waitingCount).toBe(0);
  });

  test('a drained line is empty and keeps its order', () => {
    const scheduler = new InvocationScheduler<number>(threadsWith(0));
    [3, 1, 2].forEach((value) => scheduler.wait(value));
    expect(scheduler.drain()).toEqual([3, 1, 2]);
    expect(scheduler.drain()).toEqual([]);
  });
});
