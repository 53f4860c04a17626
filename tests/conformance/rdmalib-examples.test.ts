import { expect, jest, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { playExample } from '../support/rdmalib-example.ts';

jest.setTimeout(30_000);

const run = promisify(execFile);
const rdmalib = fileURLToPath(new URL('../../packages/rdmalib/', import.meta.url));
const url = 'shm://0';

test('ping-pong', async () => {
  const { clients } = await playExample('ping-pong', url, [], ['300']);
  expect(clients[0]).toMatch(/^300 round trips of 64 bytes over shm: p50 \d+ ns, p99 \d+ ns$/);
});

test('remote write with immediate', async () => {
  const { listener, clients } = await playExample('remote-write', url, [], ['größer than bytes']);
  expect(listener).toEqual(['größer than bytes']);
  expect(clients).toEqual(['19 bytes written']);
});

test('distributed counter', async () => {
  const { listener } = await playExample('distributed-counter', url, ['3'], ['500'], ['700'], ['900']);
  expect(listener).toEqual(['2100']);
});

test("the README's example prints what it says", async () => {
  const readme = await readFile(join(rdmalib, 'README.md'), 'utf8');
  const [, code = ''] = /```js\n(.*?)```/s.exec(readme) ?? [];
  const program = join(rdmalib, `.readme-example-${process.pid}.mjs`);
  await writeFile(program, code);
  try {
    const { stdout } = await run(process.execPath, [program]);
    expect(stdout).toBe('1.5 1.5 1.5 1.5\n');
  } finally {
    await rm(program);
  }
});
