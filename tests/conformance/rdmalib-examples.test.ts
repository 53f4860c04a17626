import { expect, jest, test } from '@jest/globals';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

jest.setTimeout(30_000);

const run = promisify(execFile);
const rdmalib = fileURLToPath(new URL('../../packages/rdmalib/', import.meta.url));
const example = (name: string): string => join(rdmalib, 'examples', `${name}.mjs`);

/** Runs an example's listening side, then so many connecting ones; returns what each said. */
async function play(
  name: string,
  listening: string[],
  ...connecting: string[][]
): Promise<{ listener: string[]; clients: string[] }> {
  const server = spawn(process.execPath, [example(name), 'listen', 'shm://0', ...listening], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(server, 'exit');
  try {
    const lines: string[] = [];
    const reader = createInterface(server.stdout);
    const first = once(reader, 'line');
    reader.on('line', (line) => lines.push(line));
    const [url] = (await first) as [string];
    const clients = await Promise.all(
      connecting.map(async (values) => run(process.execPath, [example(name), 'connect', url, ...values])),
    );
    expect(await ended).toEqual([0, null]);
    return { listener: lines.slice(1), clients: clients.map(({ stdout }) => stdout.trim()) };
  } finally {
    server.kill('SIGKILL');
  }
}

test('ping-pong', async () => {
  const { clients } = await play('ping-pong', [], ['300']);
  expect(clients[0]).toMatch(/^300 round trips of 64 bytes over shm: p50 \d+ ns, p99 \d+ ns$/);
});

test('remote write with immediate', async () => {
  const { listener, clients } = await play('remote-write', [], ['größer than bytes']);
  expect(listener).toEqual(['größer than bytes']);
  expect(clients).toEqual(['19 bytes written']);
});

test('distributed counter', async () => {
  const { listener } = await play('distributed-counter', ['3'], ['500'], ['700'], ['900']);
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
