import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

const READY_MS = 20_000;

/** The script of a command that a package of ours has. */
export function programOf(packageName: string, command: string): string {
  const manifest = createRequire(import.meta.url).resolve(`${packageName}/package.json`);
  return join(dirname(manifest), `bin/${command}.cjs`);
}

/**
 * What a server says of itself in the line that it prints when it is ready.
 *
 * @throws Error with its last words when it ends before, or says nothing for too long
 */
export async function readyLineOf(child: ChildProcess): Promise<{ readonly url: string }> {
  let log = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-4096);
  });
  if (child.stdout === null) throw new Error('the server has no standard output');
  const ended = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`the server ended with ${String(signal ?? code)} before it was ready\n${log}`);
  });
  const line = once(createInterface({ input: child.stdout }), 'line', {
    signal: AbortSignal.timeout(READY_MS),
  });
  const [text] = (await Promise.race([line, ended])) as [string];
  // It ends later on, when it is told to: that is no error.
  ended.catch(() => undefined);
  return JSON.parse(text) as { url: string };
}

/** Ends a process that is told to stop by SIGTERM, and waits until it is gone. */
export async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await exited;
  }
}
