import { expect, test } from '@jest/globals';
import { formatAssignment } from '@rfaas/core';
import type { ExecutorAssignment } from '@rfaas/core';
import { PassThrough } from 'node:stream';
import { parseAssignmentLine, readAssignmentInput } from '../src/assignment-input.ts';

const assignment: ExecutorAssignment = {
  allocationId: '01'.repeat(16),
  secret: '02'.repeat(16),
  managerUrl: 'shm://10001',
  managerSecret: '03'.repeat(16),
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
  modulesDirectory: '/opt/modules',
  flushMs: 100,
  pinThreads: true,
  peerTimeoutMs: 15_000,
  logLevel: 'info',
};

test('what a manager writes is what an executor reads, in whatever pieces it comes', async () => {
  const line = formatAssignment(assignment);
  expect(line.indexOf('\n')).toBe(line.length - 1);
  const input = new PassThrough();
  const { line: read } = readAssignmentInput(input);
  for (const byte of Buffer.from(line)) {
    input.write(Buffer.of(byte));
  }
  expect(parseAssignmentLine(await read)).toEqual(assignment);
});

test('the end of the input is noticed, also long after the line', async () => {
  const input = new PassThrough();
  const { line, ended } = readAssignmentInput(input);
  let over = false;
  void ended.then(() => {
    over = true;
  });
  input.write('{}\n');
  expect(await line).toBe('{}');
  await new Promise((resolve) => setImmediate(resolve));
  expect(over).toBe(false);
  input.end();
  await ended;
});

test('an input without a line is an error that says who writes it', async () => {
  const input = new PassThrough();
  const { line, ended } = readAssignmentInput(input);
  input.end('{"allocationId":');
  await expect(line).rejects.toThrow(/started by rfaas-executor-manager/);
  await ended;
});

test('an endless line is given up', async () => {
  const input = new PassThrough();
  const { line } = readAssignmentInput(input);
  input.write('x'.repeat(70_000));
  await expect(line).rejects.toThrow(/longer than 65536 bytes/);
});

test('what is no JSON is an error', () => {
  expect(() => parseAssignmentLine('nothing')).toThrow(/not JSON/);
});
