import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

/** How a command ended that could be run. */
export interface CommandEnd {
  readonly status: number | null;
  readonly killedBy: NodeJS.Signals | null;
  readonly output: string;
  readonly complaints: string;
}

/**
 * Runs a command without input, for at most so long: then, and when aborted, it and all that it started are killed.
 * Resolves with `'late'` when it took too long. Rejects when it cannot be started, and with the signal's reason.
 */
export async function runLimited(
  [program, ...words]: readonly [string, ...string[]],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<CommandEnd | 'late'> {
  signal.throwIfAborted();
  // A group of its own: what a shell in between started would live on otherwise.
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let isLate = false;
  const kill = (): void => killGroup(child.pid);
  const timer = setTimeout(() => {
    isLate = true;
    kill();
  }, timeoutMs);
  signal.addEventListener('abort', kill, { once: true });
  try {
    const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
    const [[status, killedBy], output, complaints] = await Promise.all([
      closed,
      text(child.stdout),
      text(child.stderr),
    ]);
    signal.throwIfAborted();
    return isLate ? 'late' : { status, killedBy, output, complaints };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', kill);
  }
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // all of it ended just now
  }
}
