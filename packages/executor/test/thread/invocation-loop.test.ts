import { describe, expect, test } from '@jest/globals';
import { invocationStatus } from '@rfaas/core/wire';
import type { JavaScriptFunction } from '../../src/functions/function-library.ts';
import { serveResult, serveWord } from '../../src/native/serve-context-layout.ts';
import { copy, playLoop } from './played-loop.ts';

describe('functions that return at once', () => {
  test('get their input and output in place, and one native call carries reply and next request', async () => {
    const { context, loop, outputs, request } = playLoop([copy]);
    context.script.push(request(0, [1, 2, 3]), request(1, [4, 5]));
    expect(await loop.run()).toBe('stopped');
    expect(context.calls).toHaveLength(3);
    expect(context.replies).toEqual([
      { slot: 0, invocationId: 0, status: invocationStatus.ok, bytes: 3 },
      { slot: 1, invocationId: 1, status: invocationStatus.ok, bytes: 2 },
    ]);
    expect(outputs[0]?.subarray(0, 3)).toEqual(Uint8Array.of(1, 2, 3));
    expect(outputs[1]?.subarray(0, 2)).toEqual(Uint8Array.of(4, 5));
  });

  test('are chosen by their index', async () => {
    const { context, loop, request } = playLoop([() => 10, () => 11, () => 12]);
    context.script.push(request(0, [], 2), request(0, [], 1));
    await loop.run();
    expect(context.replies.map(({ bytes }) => bytes)).toEqual([12, 11]);
  });

  test('may throw, and the thread goes on', async () => {
    const failing: JavaScriptFunction = () => {
      throw new Error('no such luck');
    };
    const { context, loop, outputs, request } = playLoop([failing, copy]);
    context.script.push(request(0, []), request(1, [7], 1));
    await loop.run();
    expect(context.replies.map(({ status }) => status)).toEqual([
      invocationStatus.functionFailed,
      invocationStatus.ok,
    ]);
    expect(new TextDecoder().decode(outputs[0]?.subarray(0, 12))).toBe('no such luck');
  });

  test('are not kept from being counted by a load without pauses', async () => {
    const { context, loop, reports, request } = playLoop([copy]);
    for (let call = 0; call < 200; call += 1) {
      const next = request(0, []);
      context.script.push(() => {
        // As native code says it, once in flushMicroseconds.
        context.words[serveWord.countersDue] = call % 50 === 10 ? 1 : 0;
        return next();
      });
    }
    await loop.run();
    expect(reports.map(({ invocations }) => invocations)).toEqual([11, 61, 111, 161, 200]);
    expect(context.words[serveWord.countersDue]).toBe(0);
    expect(reports.at(-1)?.invocations).toBe(200);
  });
});

describe('hot and warm', () => {
  test('a hot thread spins until its timeout, then sleeps and has told what it used', async () => {
    const { context, loop, reports, request } = playLoop([copy], 50);
    context.script.push(
      request(0, [1]),
      () => context.idle(20),
      () => {
        context.set64('hotNanoseconds', 50_000_000);
        return context.idle(50);
      },
      () => {
        expect(reports.at(-1)).toMatchObject({ hotPollingNs: 50_000_000, invocations: 1 });
        return context.idle(100);
      },
    );
    await loop.run();
    expect(context.calls.map(({ wait }) => wait > 0)).toEqual([false, false, false, true, true]);
    expect(context.calls[2]?.spin).toBe(30_000);
    expect(reports.at(-1)?.hotToWarm).toBe(1);
  });

  test('each time that it falls asleep after work is counted, whoever ran that', async () => {
    const { context, loop, reports, request } = playLoop([copy], 50);
    const nativeWork = (): number => {
      context.set64('invocations', context.get64('invocations') + 1);
      return context.idle(50);
    };
    context.script.push(
      request(0, [1]),
      () => context.idle(60),
      () => context.idle(600_000),
      request(0, [2]),
      () => context.idle(10),
      () => context.idle(50),
      nativeWork,
      () => context.idle(600_000),
    );
    await loop.run();
    expect(reports.at(-1)?.hotToWarm).toBe(3);
  });

  test('a thread that is always warm switches never', async () => {
    const { context, loop, reports, request } = playLoop([copy], 0);
    context.script.push(request(0, [1]), () => context.idle(0), request(0, [2]));
    await loop.run();
    expect(reports.at(-1)).toMatchObject({ invocations: 2, hotToWarm: 0 });
  });

  test('a request wakes it, and it is hot again', async () => {
    const { context, loop, request } = playLoop([copy], 50);
    context.script.push(
      () => context.idle(60),
      request(0, [1]),
      () => context.idle(1),
    );
    await loop.run();
    expect(context.calls.map(({ wait }) => wait > 0)).toEqual([false, true, false, false]);
  });

  test('a thread that is always warm sleeps again right after an invocation', async () => {
    const { context, loop, request } = playLoop([copy], 0);
    context.script.push(request(0, [1]), request(0, [2]), () => context.idle(0));
    await loop.run();
    expect(context.calls.every(({ spin, wait }) => spin === 0 && wait > 0)).toBe(true);
  });

  test('a thread that is always hot never sleeps', async () => {
    const { context, loop } = playLoop([copy], -1);
    context.script.push(
      () => context.idle(1e6),
      () => context.idle(1e9),
    );
    await loop.run();
    expect(context.calls.every(({ spin, wait }) => spin > 0 && wait === 0)).toBe(true);
  });

  test('a sleep is short while something is not reported, and long after that', async () => {
    const { context, loop, request } = playLoop([copy], 0, 60_000);
    context.script.push(
      () => context.idle(0),
      request(0, [1]),
      () => context.idle(0),
    );
    await loop.run();
    const [, , , last] = context.calls;
    expect(last?.wait).toBe(60_000);
    expect(context.calls[1]?.wait).toBeGreaterThan(60_000);
  });
});

describe('the end', () => {
  test('comes with a last report', async () => {
    const { context, loop, reports, request } = playLoop([copy], -1);
    context.script.push(request(0, [1]), () => serveResult.disconnected);
    expect(await loop.run()).toBe('disconnected');
    expect(reports.at(-1)?.invocations).toBe(1);
  });

  test('does not wait for promises', async () => {
    const { context, loop, request } = playLoop([async () => new Promise(() => undefined)], -1);
    context.script.push(
      request(0, []),
      () => context.idle(0),
      () => serveResult.stopped,
    );
    expect(await loop.run()).toBe('stopped');
  });

  test('is an error that says why when the native loop cannot go on', async () => {
    const failing = playLoop([copy]);
    failing.context.script.push(() => {
      failing.context.words[serveWord.failure] = 6;
      return serveResult.failed;
    });
    await expect(failing.loop.run()).rejects.toThrow(/retry-exceeded/);
    const invalid = playLoop([copy]);
    invalid.context.script.push(() => -22);
    await expect(invalid.loop.run()).rejects.toThrow(/errno 22/);
  });
});
