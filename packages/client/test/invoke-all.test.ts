import { expect, test } from '@jest/globals';
import type { FakeRequest } from './fake-executor.ts';
import { bytes, echo, setUp, text, turn, type PlayedInvoker } from './played-invoker.ts';

/** Buffers for so many invocations; the inputs hold their number. */
function buffers({ memory }: PlayedInvoker, count: number) {
  const inputs = Array.from({ length: count }, (_, index) => {
    const input = memory.allocateInput(8);
    input.bytes.set(bytes(String(index)));
    input.length = String(index).length;
    return input;
  });
  return { inputs, outputs: inputs.map(() => memory.allocateOutput(8)) };
}

function errorOf(body: () => unknown): unknown {
  try {
    body();
  } catch (error) {
    return error;
  }
  throw new Error('expected an error');
}

test.each([
  ['mapped slots', true],
  ['slots that are written to', false],
])('all are invoked, more than there are slots, on every thread; with %s', (_name, directMap) => {
  const played = setUp({ threads: 2, slots: 4, directMap });
  const { fake, invoker } = played;
  const { inputs, outputs } = buffers(played, 21);
  fake.onSubmit = (request) => fake.reply(request, `${text(request.input)}!`);
  const lengths = invoker.invokeAll(echo, inputs, outputs, undefined);
  expect([...lengths]).toEqual(inputs.map((_, index) => String(index).length + 1));
  outputs.forEach((output, index) => expect(text(output.bytes.slice(0, lengths[index]))).toBe(`${index}!`));
  expect(new Set(fake.requests.map(({ thread }) => thread))).toEqual(new Set([0, 1]));
  expect([...invoker.invokeAll(echo, inputs.slice(0, 3), outputs.slice(0, 3), undefined)]).toEqual([2, 2, 2]);
});

test('as many are in flight as there are slots, and replies may come in any order', () => {
  const played = setUp({ slots: 4, directMap: false });
  const { fake, invoker } = played;
  const { inputs, outputs } = buffers(played, 12);
  let waiting: FakeRequest[] = [];
  let most = 0;
  fake.onSubmit = (request) => {
    waiting.push(request);
    most = Math.max(most, waiting.length);
    if (waiting.length < 4) return;
    for (const each of waiting.reverse()) fake.reply(each, each.input);
    waiting = [];
  };
  invoker.invokeAll(echo, inputs, outputs, undefined);
  expect(most).toBe(4);
  expect(outputs.map((output) => text(output.bytes.slice(0, 1))).join('')).toBe('012345678911');
});

test('none is fine', () => {
  expect(setUp().invoker.invokeAll(echo, [], [], undefined)).toHaveLength(0);
});

test('the first failure in the order of the inputs is thrown, when all replies are there', () => {
  const played = setUp({ slots: 4 });
  const { fake, invoker } = played;
  const { inputs, outputs } = buffers(played, 6);
  fake.onSubmit = (request) => {
    const number = Number(text(request.input));
    fake.reply(request, number % 2 === 1 ? `bad ${number}` : 'fine', number % 2);
  };
  const error = errorOf(() => invoker.invokeAll(echo, inputs, outputs, undefined));
  expect(error).toMatchObject({
    code: 'RFAAS_ERR_FUNCTION_FAILED',
    message: expect.stringContaining('bad 1'),
  });
  expect(fake.requests).toHaveLength(6);
  fake.onSubmit = (request) => fake.reply(request, 'ok');
  expect([...invoker.invokeAll(echo, inputs, outputs, undefined)]).toEqual([2, 2, 2, 2, 2, 2]);
});

test('buffers that do not pair up, are there twice, or are in use are refused before anything is sent', () => {
  const played = setUp({ slots: 4 });
  const { fake, invoker, memory } = played;
  const { inputs, outputs } = buffers(played, 2);
  const [input, otherInput] = inputs as [(typeof inputs)[0], (typeof inputs)[0]];
  const [output, otherOutput] = outputs as [(typeof outputs)[0], (typeof outputs)[0]];
  const refused = (code: string, ...lists: [typeof inputs, typeof outputs]): void => {
    expect(errorOf(() => invoker.invokeAll(echo, ...lists, undefined))).toMatchObject({ code });
  };
  refused('RFAAS_ERR_USAGE', [input], []);
  refused('RFAAS_ERR_BUSY', [input, otherInput], [output, output]);
  refused('RFAAS_ERR_BUSY', [input, input], [output, otherOutput]);
  const freed = memory.allocateOutput(8);
  freed.free();
  refused('RFAAS_ERR_CLOSED', [input, otherInput], [output, freed]);
  expect(fake.requests).toHaveLength(0);
  fake.onSubmit = (request) => fake.reply(request, 'ok');
  expect([...invoker.invokeAll(echo, inputs, outputs, undefined)]).toEqual([2, 2]);
});

test('after a deadline what is unanswered stays in use until its reply comes', async () => {
  const played = setUp({ slots: 4 });
  const { fake, invoker } = played;
  const { inputs, outputs } = buffers(played, 3);
  fake.onSubmit = (request) => {
    if (text(request.input) !== '1') fake.reply(request, 'ok');
  };
  expect(errorOf(() => invoker.invokeAll(echo, inputs, outputs, 5))).toMatchObject({
    code: 'RFAAS_ERR_DEADLINE',
  });
  expect(outputs.map(({ isBusy }) => isBusy)).toEqual([false, true, false]);
  expect(errorOf(() => invoker.invokeAll(echo, inputs, outputs, 5))).toMatchObject({
    code: 'RFAAS_ERR_BUSY',
  });
  fake.onSubmit = (request) => fake.reply(request, 'ok');
  fake.reply(
    fake.requests.find(({ input }) => text(input) === '1')!,
    'late',
  );
  // Any later call meets the late reply.
  const [first] = inputs;
  invoker.invokeAll(echo, [first!], [outputs[0]!], undefined);
  await turn();
  expect(outputs[1]!.isBusy).toBe(false);
  expect([...invoker.invokeAll(echo, inputs, outputs, undefined)]).toEqual([2, 2, 2]);
});

test('a lost executor ends the call, with or without invocations in flight', () => {
  const played = setUp({ slots: 2 });
  const { fake, invoker } = played;
  const { inputs, outputs } = buffers(played, 5);
  fake.onSubmit = (request) => fake.failRequest(request, 7);
  expect(errorOf(() => invoker.invokeAll(echo, inputs, outputs, undefined))).toMatchObject({
    code: 'RFAAS_ERR_EXECUTOR_LOST',
  });
  const unsent = [[inputs[4]!], [outputs[4]!]] as const;
  expect(errorOf(() => invoker.invokeAll(echo, ...unsent, undefined))).toMatchObject({
    code: 'RFAAS_ERR_EXECUTOR_LOST',
  });
});

test('an output longer than its buffer is no reply', () => {
  const played = setUp({ slots: 2 });
  const { fake, invoker } = played;
  const { inputs, outputs } = buffers(played, 1);
  fake.onSubmit = (request) => fake.replyRaw(request, 9);
  expect(errorOf(() => invoker.invokeAll(echo, inputs, outputs, undefined))).toMatchObject({
    code: 'RFAAS_ERR_EXECUTOR_LOST',
  });
  expect(fake.lost.join()).toContain('9 bytes where 8 are');
});
