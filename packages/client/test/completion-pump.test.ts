import { getMaxListeners } from 'node:events';
import { expect, test } from '@jest/globals';
import type { ReadableOptions } from '@rfaas/rdmalib';
import { CompletionPump } from '../src/completion-pump.ts';
import type { ExecutorThread } from '../src/executor-thread.ts';

/** Threads with an invocation in flight and nothing in their queues; `slept` hears of each sleep. */
function idleThreads(count: number, slept: (signal: AbortSignal) => void): ExecutorThread[] {
  return Array.from({ length: count }, () => {
    const queue = {
      readable: async ({ signal }: ReadableOptions) => {
        if (signal !== undefined) slept(signal);
        return new Promise<void>(() => undefined);
      },
    };
    return { isLost: false, table: { inFlight: 1 }, spin: () => 0, poll: () => 0, queue };
  }) as unknown as ExecutorThread[];
}

test('as many threads as there are may be slept for at once, and Node warns of no leak', async () => {
  const signals = new Set<AbortSignal>();
  let sleeps = 0;
  let allSleep: () => void = () => undefined;
  const sleeping = new Promise<void>((resolve) => {
    allSleep = resolve;
  });
  const threads = idleThreads(32, (signal) => {
    signals.add(signal);
    sleeps += 1;
    if (sleeps === 32) allSleep();
  });
  const failures: unknown[] = [];
  const pump = new CompletionPump({
    threads,
    spinMicroseconds: 0,
    isNeeded: () => true,
    onRound: () => undefined,
    onFailure: (error) => void failures.push(error),
  });
  pump.kick();
  await sleeping;
  // One signal ends all of them, so that each of them listens to it.
  expect([...signals].map((signal) => getMaxListeners(signal))).toEqual([Number.POSITIVE_INFINITY]);
  pump.stop();
  expect([...signals].map(({ aborted }) => aborted)).toEqual([true]);
  expect(failures).toEqual([]);
});
