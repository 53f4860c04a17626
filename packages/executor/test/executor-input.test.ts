import { expect, test } from '@jest/globals';
import { formatAssignment, formatPreparation } from '@rfaas/core';
import type { ExecutorAssignment, ExecutorPreparation } from '@rfaas/core';
import { PassThrough } from 'node:stream';
import { ExecutorInput, parseAssignmentLine, parsePreparationLine } from '../src/executor-input.ts';

const preparation: ExecutorPreparation = {
  executorId: '05'.repeat(16),
  managerUrl: 'shm://10001',
  managerSecret: '03'.repeat(16),
  threads: 2,
  slots: 8,
  inputBytes: 4096,
  outputBytes: 0,
  rehearses: true,
  modulesDirectory: '/opt/modules',
  packageCache: '/var/cache/packages',
  logLevel: 'info',
};
const assignment: ExecutorAssignment = {
  allocationId: '01'.repeat(16),
  secret: '02'.repeat(16),
  clientUrl: 'shm://10002?directory=/tmp/x',
  cpus: [0, 3],
  threads: 2,
  hotTimeoutMs: -1,
  slots: 8,
  inputBytes: 4096,
  outputBytes: 0,
  packageKind: 'javascript',
  packageName: 'thumbnails "and" more\u2028',
  sha256: '04'.repeat(32),
  packageBytes: 5,
  pinThreads: true,
  peerTimeoutMs: 15_000,
};

test('what a manager writes is what an executor reads, in whatever pieces it comes', async () => {
  const text = formatPreparation(preparation) + formatAssignment(assignment);
  expect(text.split('\n')).toHaveLength(3);
  const stream = new PassThrough();
  const input = new ExecutorInput(stream);
  const first = input.next();
  for (const byte of Buffer.from(text)) {
    stream.write(Buffer.of(byte));
  }
  expect(parsePreparationLine(await first)).toEqual(preparation);
  expect(parseAssignmentLine(await input.next())).toEqual(assignment);
});

test('lines that come at once, or long before they are asked for, are kept in order', async () => {
  const stream = new PassThrough();
  const input = new ExecutorInput(stream);
  stream.write('1\n2\n3\n');
  await new Promise((resolve) => setImmediate(resolve));
  expect([await input.next(), await input.next(), await input.next()]).toEqual(['1', '2', '3']);
});

test('the end of the input is noticed, also long after a line, and rejects whoever waits for one', async () => {
  const stream = new PassThrough();
  const input = new ExecutorInput(stream);
  let over = false;
  void input.ended.then(() => {
    over = true;
  });
  stream.write('{}\n');
  expect(await input.next()).toBe('{}');
  await new Promise((resolve) => setImmediate(resolve));
  expect(over).toBe(false);
  const next = input.next();
  stream.end();
  await expect(next).rejects.toThrow(/ended without a line/);
  await input.ended;
});

test('an input without a line is an error that says who writes it', async () => {
  const stream = new PassThrough();
  const input = new ExecutorInput(stream);
  stream.end('{"allocationId":');
  await expect(input.next()).rejects.toThrow(/started by rfaas-executor-manager/);
  await input.ended;
});

test('an endless line is given up', async () => {
  const stream = new PassThrough();
  const input = new ExecutorInput(stream);
  stream.write('x'.repeat(70_000));
  await expect(input.next()).rejects.toThrow(/longer than 65536 bytes/);
});

test('what is no JSON is an error', () => {
  expect(() => parseAssignmentLine('nothing')).toThrow(/not JSON/);
  expect(() => parsePreparationLine('{')).toThrow(/not JSON/);
});
