import { describe, expect, test } from '@jest/globals';
import { bytes, echo, failureOf, setUp, text, turn } from './played-invoker.ts';

describe('deadlines', () => {
  test('pass, and quarantine slot and output until the late reply', async () => {
    const { fake, invoker, memory } = setUp({ slots: 1 });
    const output = memory.allocateOutput(64);
    const late = invoker.invoke(echo, bytes('slow'), output, { deadlineMs: 5 });
    expect(await failureOf(late)).toMatchObject({ code: 'RFAAS_ERR_DEADLINE', details: { sent: true } });
    expect(await failureOf(invoker.invoke(echo, bytes('b'), output, {}))).toMatchObject({
      code: 'RFAAS_ERR_BUSY',
    });
    const next = invoker.invoke(echo, bytes('next'), undefined, {});
    await turn();
    expect(fake.requests).toHaveLength(1);
    fake.reply(fake.requests[0]!, 'too late');
    await turn();
    expect(fake.requests).toHaveLength(2);
    fake.reply(fake.requests[1]!, 'in time');
    expect(text(await next)).toBe('in time');
    const again = invoker.invoke(echo, bytes('c'), output, {});
    fake.reply(fake.requests[2]!, 'reused');
    expect(text(await again)).toBe('reused');
  });

  test('of a synchronous call quarantine in the same way', async () => {
    const { fake, invoker, memory } = setUp({ slots: 2 });
    const input = memory.allocateInput(8);
    const output = memory.allocateOutput(8);
    expect(() => invoker.invokeInto(echo, input, output, 3)).toThrow('did not answer within 3 ms');
    expect(() => invoker.invokeInto(echo, bytes('a'), output, 3)).toThrow('the output is in use');
    expect(() => invoker.invokeInto(echo, input, memory.allocateOutput(8), 3)).toThrow('the input is in use');
    fake.reply(fake.requests[0]!, 'late');
    fake.onInvoke = (request) => fake.reply(request, 'ok');
    expect(text(invoker.invokeCopying(echo, bytes('b'), undefined))).toBe('ok');
    expect(invoker.invokeInto(echo, input, output, undefined)).toBe(2);
  });

  test('also pass while an invocation waits for a slot', async () => {
    const { fake, invoker } = setUp({ slots: 1 });
    const first = invoker.invoke(echo, bytes('a'), undefined, {});
    const waiting = invoker.invoke(echo, bytes('b'), undefined, { deadlineMs: 2 });
    expect(await failureOf(waiting)).toMatchObject({ code: 'RFAAS_ERR_DEADLINE', details: { sent: false } });
    expect(() => invoker.invokeCopying(echo, bytes('c'), 2)).toThrow('waiting for a free slot');
    fake.reply(fake.requests[0]!, 'done');
    await first;
    expect(fake.requests).toHaveLength(1);
  });

  test('freeing a quarantined output gives its memory back with the late reply', async () => {
    const { fake, invoker, memory } = setUp({ slots: 1 });
    const output = memory.allocateOutput(64);
    const before = fake.openRegions.size;
    await failureOf(invoker.invoke(echo, bytes('slow'), output, { deadlineMs: 1 }));
    output.free();
    expect(fake.openRegions.size).toBe(before);
    fake.reply(fake.requests[0]!, 'late');
    fake.threads[0]!.poll();
    expect(fake.openRegions.size).toBe(before - 1);
  });
});

describe('signals', () => {
  test('abort what is in flight; the reason is the cause', async () => {
    const { fake, invoker } = setUp({ slots: 1 });
    const controller = new AbortController();
    const result = invoker.invoke(echo, bytes('a'), undefined, { signal: controller.signal });
    const reason = new Error('enough');
    controller.abort(reason);
    const error = await failureOf(result);
    expect(error.code).toBe('RFAAS_ERR_ABORTED');
    expect(error.cause).toBe(reason);
    expect(fake.threads[0]!.freeCount).toBe(0);
    fake.reply(fake.requests[0]!, 'late');
    fake.threads[0]!.poll();
    expect(fake.threads[0]!.freeCount).toBe(1);
  });

  test('abort what waits, and nothing is sent', async () => {
    const { fake, invoker } = setUp({ slots: 1 });
    const controller = new AbortController();
    void invoker.invoke(echo, bytes('a'), undefined, {}).catch(() => undefined);
    const waiting = invoker.invoke(echo, bytes('b'), undefined, { signal: controller.signal });
    controller.abort();
    expect(await failureOf(waiting)).toMatchObject({ code: 'RFAAS_ERR_ABORTED' });
    fake.reply(fake.requests[0]!, 'one');
    await turn();
    expect(fake.requests).toHaveLength(1);
  });

  test('that fired before the call send nothing', async () => {
    const { fake, invoker } = setUp();
    const result = invoker.invoke(echo, bytes('a'), undefined, { signal: AbortSignal.abort() });
    expect(await failureOf(result)).toMatchObject({ code: 'RFAAS_ERR_ABORTED' });
    expect(fake.requests).toEqual([]);
  });
});
