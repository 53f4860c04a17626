import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { childEnvironment } from './spawn-server.ts';

/** The folder of the checkout. */
export const checkout = fileURLToPath(new URL('../..', import.meta.url));

/** What a program did. */
export interface ProgramResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
  readonly errors: string;
  /** What it wrote to standard output, byte by byte. */
  readonly bytes: Uint8Array;
}

/** How a program is run. */
export interface RunOptions {
  readonly input?: string | Uint8Array;
  readonly environment?: Readonly<Record<string, string>>;
  readonly directory?: string;
  /** It is killed after so many milliseconds. Default 30000. */
  readonly timeoutMs?: number;
}

/** Runs a program to its end, in the checkout unless told otherwise. */
export async function runProgram(
  command: string,
  parameters: readonly string[],
  options: RunOptions = {},
): Promise<ProgramResult> {
  const child = spawn(command, parameters, {
    cwd: options.directory ?? checkout,
    env: childEnvironment(options.environment),
    timeout: options.timeoutMs ?? 30_000,
    killSignal: 'SIGKILL',
  });
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
  // A program that does not read its input may be gone before it was written.
  child.stdin.on('error', () => undefined).end(options.input ?? '');
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      const bytes = Buffer.concat(output);
      resolve({ code, signal, bytes, output: bytes.toString(), errors: Buffer.concat(errors).toString() });
    });
  });
}

/** Runs Node with a script of the checkout, or with `--input-type=module -e PROGRAM`. */
export function runNode(parameters: readonly string[], options: RunOptions = {}): Promise<ProgramResult> {
  return runProgram(process.execPath, parameters, options);
}
