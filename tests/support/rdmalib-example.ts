import { expect } from '@jest/globals';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The examples that come with @rfaas/rdmalib. */
export type ExampleName = 'ping-pong' | 'remote-write' | 'distributed-counter';

/** What each side of an example printed; of the listening one without the URL, which comes first. */
export interface PlayedExample {
  readonly url: string;
  readonly listener: readonly string[];
  readonly clients: readonly string[];
}

/** Runs the listening side of an example on a URL, then so many connecting ones at once; all must end well. */
export async function playExample(
  name: ExampleName,
  listenUrl: string,
  listening: readonly string[],
  ...connecting: readonly (readonly string[])[]
): Promise<PlayedExample> {
  const script = fileURLToPath(new URL(`../../packages/rdmalib/examples/${name}.mjs`, import.meta.url));
  const server = spawn(process.execPath, [script, 'listen', listenUrl, ...listening], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(server, 'exit');
  try {
    const lines: string[] = [];
    const reader = createInterface(server.stdout);
    const first = Promise.race([once(reader, 'line'), ended]);
    reader.on('line', (line) => lines.push(line));
    const [url] = (await first) as [string];
    const clients = await Promise.all(
      connecting.map(async (words) => run(process.execPath, [script, 'connect', url, ...words])),
    );
    expect(await ended).toEqual([0, null]);
    return { url, listener: lines.slice(1), clients: clients.map(({ stdout }) => stdout.trim()) };
  } finally {
    server.kill('SIGKILL');
  }
}
