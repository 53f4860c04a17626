import { expect, test } from '@jest/globals';
import {
  deadlinePassed,
  functionNotFound,
  inputTooLarge,
  invocationAborted,
  replyError,
} from '../src/invocation-errors.ts';

test.each([
  [1, 'RFAAS_ERR_FUNCTION_FAILED'],
  [2, 'RFAAS_ERR_FUNCTION_NOT_FOUND'],
  [3, 'RFAAS_ERR_OUTPUT_TOO_LARGE'],
  [4, 'RFAAS_ERR_PROTOCOL'],
  [5, 'RFAAS_ERR_INTERNAL'],
  [6, 'RFAAS_ERR_EXECUTOR_LOST'],
  [77, 'RFAAS_ERR_PROTOCOL'],
])('status %i of a reply is %s and names the function', (status, code) => {
  const error = replyError('price', status, '');
  expect(error.code).toBe(code);
  expect(error.message).toContain('price');
});

test('the message of a function that failed reaches the caller', () => {
  expect(replyError('price', 1, 'no option data').message).toBe('function "price" failed: no option data');
});

test('a missing function names those that look alike, or what there is', () => {
  expect(functionNotFound('ecko', ['echo', 'price']).message).toContain('did you mean "echo"?');
  expect(functionNotFound('thumbnail', ['echo', 'price']).message).toContain(
    'it has 2 functions: echo, price',
  );
  expect(functionNotFound('x', ['only']).message).toContain('it has 1 function: only');
});

test('an input that is too large tells both sizes', () => {
  const error = inputTooLarge('price', 5000, 4096);
  expect(error.message).toContain('5000');
  expect(error.message).toContain('4096');
  expect(error.details).toMatchObject({ inputBytes: 5000, capacity: 4096 });
});

test('a deadline tells whether the executor may still be at work', () => {
  expect(deadlinePassed('f', 5, true).message).toContain('may still be running');
  expect(deadlinePassed('f', 5, false).message).toContain('was not sent');
});

test('an abort keeps the reason of the signal', () => {
  const reason = new Error('user pressed stop');
  expect(invocationAborted('f', reason).cause).toBe(reason);
});
