import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** How long a program may take to say that it is ready. */
const READY_TIMEOUT_MS = 20_000;
/** How long a program may take to end by itself once it was asked to. */
const STOP_TIMEOUT_MS = 10_000;

/** A process that printed its ready line and runs until `stop`. */
export interface StartedProgram {
  /** What its ready line said. */
  readonly ready: Readonly<Record<string, unknown>>;
  /** Asks it to end, waits for that, and kills it if it takes too long. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Starts a Node program and waits for the one JSON line that says that it is ready.
 *
 * @throws Error with the program's own words if it ends before that or takes too long
 */
export async function startProgram(script: string, parameters: readonly string[]): Promise<StartedProgram> {
  const child = spawn(process.execPath, [script, ...parameters], { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-4096);
  });
  const exited = once(child, 'exit').then(() => undefined);
  const stop = async (): Promise<void> => {
    const running = child.exitCode === null && child.signalCode === null;
    if (running) child.kill('SIGTERM');
    const kill = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(kill);
  };
  const line = once(createInterface({ input: child.stdout }), 'line', {
    signal: AbortSignal.timeout(READY_TIMEOUT_MS),
  }) as Promise<[string]>;
  try {
    const first = await Promise.race([line, exited]);
    if (first === undefined)
      throw new Error(`it ended with ${child.signalCode ?? `exit status ${child.exitCode}`}`);
    return { ready: JSON.parse(first[0]) as Record<string, unknown>, stop };
  } catch (error) {
    await stop();
    line.catch(() => undefined); // whichever came first has been told
    throw new Error(
      `${script} did not start: ${error instanceof Error ? error.message : String(error)}\n${log}`,
      {
        cause: error,
      },
    );
  }
}
