import { describe, expect, test } from '@jest/globals';
import { RfaasError } from '@rfaas/core';
import { bytes, echo, failureOf, setUp, text, turn } from './played-invoker.ts';

describe.each([
  ['mapped slots', true],
  ['slots that are written to', false],
])('with %s', (_name, directMap) => {
  test('an asynchronous invocation carries function, input and result', async () => {
    const { fake, invoker } = setUp({ directMap });
    const result = invoker.invoke(echo, bytes('hello'), undefined, {});
    expect(fake.requests).toHaveLength(1);
    const request = fake.requests[0]!;
    expect(request.functionIndex).toBe(3);
    expect(text(request.input)).toBe('hello');
    expect(request.capacity).toBe(1024);
    fake.reply(request, 'HELLO');
    expect(text(await result)).toBe('HELLO');
  });

  test('a synchronous invocation returns a copy', () => {
    const { fake, invoker } = setUp({ directMap });
    fake.onInvoke = (request) => fake.reply(request, request.input.toReversed());
    const first = invoker.invokeCopying(echo, bytes('abc'), undefined);
    const second = invoker.invokeCopying(echo, bytes('xyz'), undefined);
    expect(text(first)).toBe('cba');
    expect(text(second)).toBe('zyx');
  });

  test('a synchronous invocation with own buffers returns the length', () => {
    const { fake, invoker, memory } = setUp({ directMap });
    const input = memory.allocateInput(16);
    const output = memory.allocateOutput(32);
    expect(input.isMapped).toBe(directMap);
    fake.onInvoke = (request) => fake.reply(request, request.input);
    input.as(Float64Array).set([1.5, 2.5]);
    expect(invoker.invokeInto(echo, input, output, undefined)).toBe(16);
    expect([...output.as(Float64Array).subarray(0, 2)]).toEqual([1.5, 2.5]);
    input.length = 8;
    expect(invoker.invokeInto(echo, input, output, undefined)).toBe(8);
  });
});

test('many are in flight, and replies may come in any order', async () => {
  const { fake, invoker } = setUp({ threads: 2, slots: 8 });
  const results = Array.from({ length: 16 }, (_, index) =>
    invoker.invoke(echo, bytes(String(index)), undefined, {}),
  );
  expect(fake.requests).toHaveLength(16);
  expect(fake.requests.filter(({ thread }) => thread === 0)).toHaveLength(8);
  for (const request of [...fake.requests].reverse()) fake.reply(request, request.input);
  expect((await Promise.all(results)).map(text)).toEqual(
    Array.from({ length: 16 }, (_, index) => String(index)),
  );
});

test('a caller that invokes again as soon as it has a reply lets the event loop turn', async () => {
  const { fake, invoker } = setUp();
  let hasTurned = false;
  setTimeout(() => {
    hasTurned = true;
  }, 1);
  let count = 0;
  for (; count < 1_000_000 && !hasTurned; count += 1) {
    const result = invoker.invoke(echo, bytes('again'), undefined, {});
    fake.reply(fake.requests.pop()!, 'and again');
    await result;
  }
  expect(hasTurned).toBe(true);
});

test('those beyond the slots wait their turn, with the bytes they were called with', async () => {
  const { fake, invoker } = setUp({ slots: 1 });
  const first = invoker.invoke(echo, bytes('first'), undefined, {});
  const input = bytes('second');
  const second = invoker.invoke(echo, input, undefined, {});
  input.fill(0);
  expect(fake.requests).toHaveLength(1);
  fake.reply(fake.requests[0]!, 'one');
  expect(text(await first)).toBe('one');
  await turn();
  expect(fake.requests).toHaveLength(2);
  expect(text(fake.requests[1]!.input)).toBe('second');
  fake.reply(fake.requests[1]!, 'two');
  expect(text(await second)).toBe('two');
});

test('more than 65,536 invocations on one thread', async () => {
  const { fake, invoker } = setUp({ slots: 2 });
  fake.onInvoke = (request) => {
    fake.requests.length = 0;
    fake.reply(request, request.input);
  };
  const input = Uint8Array.of(7);
  for (let count = 0; count < 70_000; count += 1) {
    if (invoker.invokeCopying(echo, input, undefined)[0] !== 7)
      throw new Error(`wrong output of number ${count}`);
  }
  expect(fake.lost).toEqual([]);
});

describe('errors', () => {
  test('a function that failed rejects with its message', async () => {
    const { fake, invoker } = setUp();
    const result = invoker.invoke(echo, bytes('x'), undefined, {});
    fake.reply(fake.requests[0]!, 'negative price', 1);
    expect(await failureOf(result)).toMatchObject({
      code: 'RFAAS_ERR_FUNCTION_FAILED',
      message: 'function "echo" failed: negative price',
    });
    fake.onInvoke = (request) => fake.reply(request, 'again', 1);
    expect(() => invoker.invokeCopying(echo, bytes('x'), undefined)).toThrow('function "echo" failed: again');
  });

  test('an input larger than a slot is refused here, with both sizes', async () => {
    const { fake, invoker, memory } = setUp({ inputBytes: 16 });
    expect(await failureOf(invoker.invoke(echo, new Uint8Array(17), undefined, {}))).toMatchObject({
      code: 'RFAAS_ERR_INPUT_TOO_LARGE',
      details: { inputBytes: 17, capacity: 16 },
    });
    expect(() => invoker.invokeCopying(echo, new Uint8Array(17), undefined)).toThrow('has 17 bytes');
    expect(() => memory.allocateInput(17)).toThrow('17 bytes');
    expect(fake.requests).toEqual([]);
  });

  test('buffers of another executor and freed buffers are refused', () => {
    const { invoker, memory } = setUp();
    const other = setUp();
    const output = memory.allocateOutput(8);
    expect(() => invoker.invokeInto(echo, other.memory.allocateInput(8), output, undefined)).toThrow(
      'allocated by another executor',
    );
    output.free();
    expect(() => invoker.invokeInto(echo, bytes('a'), output, undefined)).toThrow('was freed');
  });

  test('a request that cannot be posted rejects and leaves its slot free', async () => {
    const { fake, invoker } = setUp({ slots: 1 });
    fake.nextPostResult = -105;
    expect(await failureOf(invoker.invoke(echo, bytes('a'), undefined, {}))).toMatchObject({
      code: 'RFAAS_ERR_INTERNAL',
      details: { errno: 105 },
    });
    fake.onInvoke = (request) => fake.reply(request, 'fine');
    expect(text(invoker.invokeCopying(echo, bytes('a'), undefined))).toBe('fine');
  });

  test('a reply that nobody is owed means that the executor is broken', async () => {
    const { fake, invoker } = setUp();
    void invoker.invoke(echo, bytes('a'), undefined, {}).catch(() => undefined);
    fake.replyRaw({ thread: 0, id: 999 }, 0);
    await turn();
    expect(fake.lost).toEqual(['thread 0: it replied to invocation 999, which is not in flight']);
  });

  test('a reply that claims more than the result holds means that the executor is broken', async () => {
    const { fake, invoker } = setUp({ outputBytes: 16 });
    void invoker.invoke(echo, bytes('a'), undefined, {}).catch(() => undefined);
    fake.replyRaw(fake.requests[0]!, 17);
    await turn();
    expect(fake.lost).toEqual(['thread 0: it says that it wrote 17 bytes where 16 are']);
  });

  test('a request that fails on the way loses the executor and gives its receive back', async () => {
    const { fake, invoker } = setUp();
    void invoker.invoke(echo, bytes('a'), undefined, {}).catch(() => undefined);
    fake.failRequest(fake.requests[0]!, 3);
    await turn();
    expect(fake.lost).toEqual([expect.stringMatching(/^thread 0: a request .*remote-access-error/)]);
    expect(fake.spareReceives()).toBe(1);
  });
});

describe('a synchronous call among asynchronous ones', () => {
  test('dispatches the replies that it meets', async () => {
    const { fake, invoker } = setUp({ slots: 4 });
    const pending = invoker.invoke(echo, bytes('async'), undefined, {});
    fake.onInvoke = (request) => {
      fake.reply(fake.requests[0]!, 'from the loop');
      fake.reply(request, 'sync');
    };
    expect(text(invoker.invokeCopying(echo, bytes('sync'), undefined))).toBe('sync');
    expect(text(await pending)).toBe('from the loop');
  });

  test('finds its reply when another poll takes it', () => {
    const { fake, invoker } = setUp({ slots: 4 });
    fake.onInvoke = undefined;
    let polls = 0;
    const thread = fake.threads[0]!;
    const spin = thread.spin.bind(thread);
    thread.spin = (microseconds) => {
      polls += 1;
      if (polls === 3) fake.reply(fake.requests[0]!, 'at last');
      return spin(microseconds);
    };
    expect(text(invoker.invokeCopying(echo, bytes('sync'), undefined))).toBe('at last');
  });
});

describe('the end of an executor', () => {
  const end = new RfaasError('RFAAS_ERR_EXECUTOR_LOST', 'it was killed by SIGSEGV');

  test('rejects what is in flight, what waits and what comes', async () => {
    const { invoker } = setUp({ slots: 1 });
    const all = [
      failureOf(invoker.invoke(echo, bytes('a'), undefined, {})),
      failureOf(invoker.invoke(echo, bytes('b'), undefined, {})),
    ];
    invoker.end(end);
    all.push(failureOf(invoker.invoke(echo, bytes('c'), undefined, {})));
    for (const error of await Promise.all(all)) expect(error.message).toContain('SIGSEGV');
    expect(() => invoker.invokeCopying(echo, bytes('d'), undefined)).toThrow('SIGSEGV');
  });

  test('is waited for while it is being found out', async () => {
    const { invoker } = setUp();
    let tell!: (error: RfaasError) => void;
    invoker.suspend(new Promise((resolve) => (tell = resolve)));
    const result = failureOf(invoker.invoke(echo, bytes('a'), undefined, {}));
    tell(end);
    expect(await result).toBe(end);
  });

  test('is waited for by a request that finds the connection broken, too', async () => {
    const { fake, invoker, memory } = setUp();
    let tell!: (error: RfaasError) => void;
    fake.onLost = () => invoker.suspend(new Promise((resolve) => (tell = resolve)));
    fake.disconnect();
    fake.nextPostResult = -107;
    const output = memory.allocateOutput(8);
    const result = failureOf(invoker.invoke(echo, bytes('a'), output, {}));
    expect(output.isBusy).toBe(true);
    tell(end);
    expect(await result).toBe(end);
    expect(output.isBusy).toBe(false);
  });

  test('is noticed by a synchronous call whose connection breaks', () => {
    const { fake, invoker } = setUp();
    fake.onInvoke = () => fake.disconnect();
    expect(() => invoker.invokeCopying(echo, bytes('a'), undefined)).toThrow(
      'lost during the invocation (thread 0: its connection is disconnected)',
    );
    expect(fake.lost).toHaveLength(1);
  });

  test('leaves no memory behind', async () => {
    const { fake, invoker, memory } = setUp({ directMap: false });
    memory.allocateInput(8);
    memory.allocateOutput(8);
    void invoker.invoke(echo, bytes('a'), undefined, {}).catch(() => undefined);
    invoker.end(end);
    for (const thread of fake.threads) await thread.close();
    memory.close();
    expect(fake.openRegions.size).toBe(0);
  });
});

describe('input buffers', () => {
  test('take all slots but one of a thread, then local memory', () => {
    const { memory } = setUp({ threads: 2, slots: 4 });
    const inputs = Array.from({ length: 7 }, () => memory.allocateInput(8));
    expect(inputs.filter((input) => input.isMapped)).toHaveLength(6);
    inputs[0]!.free();
    expect(memory.allocateInput(8).isMapped).toBe(true);
  });

  test('cannot send more than they have', () => {
    const { memory } = setUp();
    const input = memory.allocateInput(8);
    expect(() => (input.length = 9)).toThrow('cannot send 9');
    expect(() => (input.length = -1)).toThrow('cannot send -1');
  });
});
