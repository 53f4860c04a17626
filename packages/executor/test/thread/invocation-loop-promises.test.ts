import { describe, expect, test } from '@jest/globals';
import { invocationStatus } from '@rfaas/core/wire';
import type { JavaScriptFunction } from '../../src/functions/function-library.ts';
import { copy, playLoop } from './played-loop.ts';

describe('functions that return promises', () => {
  test('are several at once, and their replies come in the order in which they settle', async () => {
    const settle: ((bytes: number) => void)[] = [];
    const waiting: JavaScriptFunction = async () =>
      new Promise<number>((resolve) => {
        settle.push(resolve);
      });
    const { context, loop, request } = playLoop([waiting]);
    context.script.push(
      request(0, []),
      request(1, []),
      () => {
        settle[1]?.(21);
        return context.idle(0);
      },
      () => context.idle(0),
      () => {
        settle[0]?.(20);
        return context.idle(0);
      },
      () => context.idle(0),
    );
    await loop.run();
    expect(context.replies.map(({ slot, bytes }) => [slot, bytes])).toEqual([
      [1, 21],
      [0, 20],
    ]);
  });

  test('may reject', async () => {
    const { context, loop, outputs, request } = playLoop([
      async () => Promise.reject(new Error('not today')),
    ]);
    context.script.push(
      request(2, []),
      () => context.idle(0),
      () => context.idle(0),
    );
    await loop.run();
    expect(context.replies).toEqual([
      { slot: 2, invocationId: 2, status: invocationStatus.functionFailed, bytes: 9 },
    ]);
    expect(new TextDecoder().decode(outputs[2]?.subarray(0, 9))).toBe('not today');
  });

  test('and functions that return at once get along', async () => {
    let finish: ((bytes: number) => void) | undefined;
    const waiting: JavaScriptFunction = async () =>
      new Promise<number>((resolve) => {
        finish = resolve;
      });
    const { context, loop, request } = playLoop([waiting, copy]);
    context.script.push(
      request(0, []),
      request(1, [1], 1),
      () => {
        finish?.(5);
        return context.idle(0);
      },
      () => context.idle(0),
    );
    await loop.run();
    expect(context.replies.map(({ slot }) => slot)).toEqual([1, 0]);
  });

  test('with tricks in their objects fail alone', async () => {
    const trick: JavaScriptFunction = () => ({
      get then(): never {
        throw new Error('gotcha');
      },
    });
    const { context, loop, request } = playLoop([trick]);
    context.script.push(
      request(0, []),
      () => context.idle(0),
      () => context.idle(0),
    );
    await loop.run();
    expect(context.replies).toMatchObject([{ slot: 0, status: invocationStatus.functionFailed }]);
  });

  test('are waited for in short spins while the thread is hot', async () => {
    const { context, loop, request } = playLoop([async () => Promise.resolve(1)], 1000);
    context.script.push(
      request(0, []),
      () => context.idle(0),
      () => context.idle(0),
    );
    await loop.run();
    expect(context.calls[0]).toEqual({ spin: 1_000_000, wait: 0 });
    expect(context.calls[1]?.spin).toBeLessThanOrEqual(100);
    expect(context.calls.at(-1)).toEqual({ spin: 1_000_000, wait: 0 });
  });

  test('are waited for without spinning once the thread is warm, until there is work', async () => {
    let calls = 0;
    const forever: JavaScriptFunction = async () => new Promise<number>(() => undefined);
    const { context, loop, request, work } = playLoop([forever, copy], 10);
    context.script.push(
      request(0, []),
      () => context.idle(11),
      () => {
        calls += 1;
        return request(1, [3], 1)();
      },
      () => context.idle(0),
    );
    const running = loop.run();
    // Turns of the event loop that a spinning thread would have used for calls.
    for (let turn = 0; turn < 20; turn += 1) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(calls).toBe(0);
    work();
    await running;
    expect(calls).toBe(1);
    expect(context.replies.map(({ slot }) => slot)).toEqual([1]);
  });

  test('that settle wake a warm thread by themselves', async () => {
    let finish: ((bytes: number) => void) | undefined;
    const waiting: JavaScriptFunction = async () =>
      new Promise<number>((resolve) => {
        finish = resolve;
      });
    const { context, loop, request } = playLoop([waiting], 10);
    context.script.push(
      request(0, []),
      () => context.idle(11),
      () => context.idle(0),
    );
    const running = loop.run();
    await new Promise((resolve) => setImmediate(resolve));
    finish?.(6);
    await running;
    expect(context.replies).toMatchObject([{ slot: 0, bytes: 6 }]);
  });
});
