import { expect, test } from '@jest/globals';
import { invocationStatus } from '@rfaas/core/wire';
import { ReplyQueue } from '../../src/thread/reply-queue.ts';
import { PlayedContext } from './played-context.ts';

function replyOf(result: unknown, capacity = 64): { status: number; text: string; bytes: number } {
  const context = new PlayedContext();
  const output = new Uint8Array(capacity);
  new ReplyQueue(context.asContext()).addResult(3, 0xabcd, result, output);
  return posted(context, output);
}

function failureOf(error: unknown, capacity = 64): { status: number; text: string; bytes: number } {
  const context = new PlayedContext();
  const output = new Uint8Array(capacity);
  new ReplyQueue(context.asContext()).addFailure(3, 0xabcd, error, output);
  return posted(context, output);
}

function posted(context: PlayedContext, output: Uint8Array): { status: number; text: string; bytes: number } {
  context.serve();
  const [reply] = context.replies;
  expect(reply).toMatchObject({ slot: 3, invocationId: 0xabcd });
  const { status = -1, bytes = -1 } = reply ?? {};
  return { status, bytes, text: new TextDecoder().decode(output.subarray(0, bytes)) };
}

test.each([0, 1, 63, 64])('%d bytes fit an output of 64', (bytes) => {
  expect(replyOf(bytes)).toMatchObject({ status: invocationStatus.ok, bytes });
});

test('a length beyond the output is an error with both', () => {
  const { status, text } = replyOf(65);
  expect(status).toBe(invocationStatus.outputTooLarge);
  expect(text).toBe('the function returned 65 bytes, but its output buffer holds 64');
  expect(replyOf(2 ** 40, 200).text).toContain('1099511627776 bytes, but its output buffer holds 200');
});

test.each([
  [undefined, 'returned nothing'],
  [null, 'returned null'],
  [-1, 'returned -1'],
  [1.5, 'returned 1.5'],
  [Number.NaN, 'returned NaN'],
  [Number.POSITIVE_INFINITY, 'returned Infinity'],
  ['three', 'a value of type string'],
  [3n, 'a value of type bigint'],
  [new Uint8Array(3), 'a value of type object'],
])('%p is no length', (result, text) => {
  const reply = replyOf(result, 200);
  expect(reply.status).toBe(invocationStatus.functionFailed);
  expect(reply.text).toContain(text);
  expect(reply.text).toContain('from 0 to 200');
});

test.each([
  [new Error('no such luck'), 'no such luck'],
  [new TypeError(''), 'TypeError'],
  ['just text', 'the function threw just text'],
  [undefined, 'the function threw undefined'],
  [Object.create(null), 'the function threw a value that cannot be shown'],
])('what is thrown becomes text: %p', (error, text) => {
  expect(failureOf(error)).toMatchObject({ status: invocationStatus.functionFailed, text });
});

test('a message that itself throws is no way out', () => {
  const error = new Error('hidden');
  Object.defineProperty(error, 'message', {
    get: () => {
      throw new Error('gotcha');
    },
  });
  expect(failureOf(error).text).toBe('the function threw a value that cannot be shown');
});

test('a text is cut at a character, also where there is room for none', () => {
  expect(failureOf(new Error('äöü'), 5)).toMatchObject({ bytes: 4, text: 'äö' });
  expect(failureOf(new Error('anything'), 0)).toMatchObject({ bytes: 0, text: '' });
});

test('replies of several slots are posted in one call', () => {
  const context = new PlayedContext();
  const replies = new ReplyQueue(context.asContext());
  expect(replies.waiting).toBe(false);
  replies.addResult(0, 16, 1, new Uint8Array(8));
  replies.addResult(5, 21, 2, new Uint8Array(8));
  expect(replies.waiting).toBe(true);
  context.serve();
  expect(context.replies).toEqual([
    { slot: 0, invocationId: 16, status: 0, bytes: 1 },
    { slot: 5, invocationId: 21, status: 0, bytes: 2 },
  ]);
  expect(replies.waiting).toBe(false);
});
