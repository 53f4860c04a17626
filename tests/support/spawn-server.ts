import { execFileSync, spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { patience } from './patience.ts';

/** What a server says on standard output once it serves. */
export interface ReadyLine {
  readonly ready: true;
  readonly program: string;
  readonly url: string;
  readonly pid: number;
  readonly [fact: string]: unknown;
}

/** How a process ended. */
export interface ServerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** How a server is started. */
export interface SpawnOptions {
  readonly arguments?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** What precedes the command, e.g. to run it in another host of a lab. */
  readonly through?: readonly string[];
  /** How long it may take to get ready. Default 20000. */
  readonly timeoutMs?: number;
}

type ServerProcess = ChildProcessByStdio<Writable, Readable, Readable>;

const STOP_TIMEOUT_MS = 10_000 * patience;

/** A server of the built packages, running as a process of its own. */
export class SpawnedServer implements AsyncDisposable {
  readonly ready: ReadyLine;
  readonly exited: Promise<ServerExit>;
  readonly #child: ServerProcess;
  readonly #errors: string[];

  constructor(child: ServerProcess, ready: ReadyLine, exited: Promise<ServerExit>, errors: string[]) {
    this.#child = child;
    this.ready = ready;
    this.exited = exited;
    this.#errors = errors;
  }

  get url(): string {
    return this.ready.url;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** What it has logged so far. */
  get log(): string {
    return this.#errors.join('');
  }

  /** Resolves once the log has a line with this text. Rejects when the server ends, or takes too long. */
  async logged(text: string, timeoutMs = 20_000): Promise<void> {
    const giveUp = AbortSignal.timeout(timeoutMs * patience);
    const ended = this.exited.then(() => {
      throw new Error(`ended without logging "${text}":\n${this.log}`);
    });
    ended.catch(() => undefined);
    while (!this.log.includes(text)) {
      const more = once(this.#child.stderr, 'data', { signal: giveUp });
      more.catch(() => undefined);
      try {
        await Promise.race([more, ended]);
      } catch (error) {
        throw new Error(`did not log "${text}":\n${this.log}`, { cause: error });
      }
    }
  }

  /** How many descriptors it may have open from now on (prlimit, of util-linux). */
  limitDescriptors(count: number): void {
    execFileSync('prlimit', ['--pid', String(this.pid), `--nofile=${count}:${count}`]);
  }

  /** Sends a signal and returns at once. */
  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends it in an orderly way and waits; kills it if it does not end. Idempotent. */
  async stop(): Promise<ServerExit> {
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    try {
      return await this.exited;
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** The commands of the built packages that tests start. */
export type ServerProgram = 'rfaas-resource-manager' | 'rfaas-executor-manager';

const scripts: Readonly<Record<ServerProgram, string>> = {
  'rfaas-resource-manager': '../../packages/resource-manager/bin/rfaas-resource-manager.cjs',
  'rfaas-executor-manager': '../../packages/executor-manager/bin/rfaas-executor-manager.cjs',
};

/** Starts a server and waits for its ready line. Throws with what it logged if it ends or stays silent instead. */
export async function spawnServer(
  program: ServerProgram,
  options: SpawnOptions = {},
): Promise<SpawnedServer> {
  const script = fileURLToPath(new URL(scripts[program], import.meta.url));
  const words = [...(options.through ?? []), process.execPath, script, ...(options.arguments ?? [])];
  const [command = process.execPath, ...parameters] = words;
  const child = spawn(command, parameters, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: childEnvironment(options.environment),
  });
  const errors: string[] = [];
  child.stderr.setEncoding('utf8').on('data', (text: string) => errors.push(text));
  const exited = new Promise<ServerExit>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  try {
    const ready = await readyLine(child, exited, (options.timeoutMs ?? 20_000) * patience);
    return new SpawnedServer(child, ready, exited, errors);
  } catch (error) {
    child.kill('SIGKILL');
    await exited;
    throw new Error(`${program} did not get ready: ${String(error)}\n${errors.join('')}`, { cause: error });
  }
}

/** This process's environment without what would make a child slower or reach other keys. */
export function childEnvironment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const { NODE_EXTRA_CA_CERTS: _ca, NODE_OPTIONS: _options, ...environment } = process.env;
  return { ...environment, ...extra };
}

function readyLine(child: ServerProcess, exited: Promise<ServerExit>, timeoutMs: number): Promise<ReadyLine> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`silent for ${timeoutMs} ms`)), timeoutMs);
    createInterface({ input: child.stdout }).on('line', (line) => {
      clearTimeout(timer);
      try {
        resolve(JSON.parse(line) as ReadyLine);
      } catch {
        reject(new Error(`printed "${line}" instead of a ready line`));
      }
    });
    exited.then(
      ({ code, signal }) => {
        clearTimeout(timer);
        reject(new Error(`ended with status ${code}, signal ${signal}`));
      },
      (error: Error) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}
