import { expect, jest, test } from '@jest/globals';
import { listDevices } from '@rfaas/rdmalib';
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

/** Runs a program that the README shows; returns what it printed. */
async function runReadme(language: string): Promise<string> {
  const readme = await readFile(join(rdmalib, 'README.md'), 'utf8');
  const [, code = ''] = new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 's').exec(readme) ?? [];
  expect(code).not.toBe('');
  const program = join(rdmalib, `.readme-example-${process.pid}.mjs`);
  await writeFile(program, code);
  try {
    const { stdout } = await run(process.execPath, [program]);
    return stdout;
  } finally {
    await rm(program);
  }
}

test("the README's example prints what it says", async () => {
  expect(await runReadme('js')).toBe('1.5 1.5 1.5 1.5\n');
});

test("the README's list of devices names one, or says what to do", async () => {
  const devices = listDevices();
  const printed = await runReadme('js devices');
  expect(printed).toContain(devices[0]?.name ?? 'modprobe');
});
