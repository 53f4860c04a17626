import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';

/** One process of a crowd: a program beside this file, with its parameters. */
export interface CrowdMember {
  readonly program: string;
  readonly parameters: readonly (string | number)[];
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * Processes that hold many connections. Each prints a line that begins with `ready` when it has them, further lines for
 * those that it loses, and ends when its standard input does.
 */
export class Crowd implements AsyncDisposable {
  readonly #members: readonly Member[];

  /** Starts a process for each. */
  constructor(members: readonly CrowdMember[]) {
    this.#members = members.map((each) => new Member(each));
  }

  get pids(): readonly number[] {
    return this.#members.map(({ pid }) => pid);
  }

  /** What each has said when it was ready. Rejects with Error and the last words of a process that fails. */
  async ready(): Promise<string[]> {
    return Promise.all(this.#members.map((member) => member.ready));
  }

  /** What the processes have said of lost connections. */
  get losses(): readonly string[] {
    return this.#members.flatMap(({ losses }) => losses);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#members.map((member) => member.stop()));
  }
}

class Member {
  readonly losses: string[] = [];
  readonly ready: Promise<string>;
  readonly #child: ChildProcess;

  constructor({ program, parameters, environment }: CrowdMember) {
    this.#child = spawn(process.execPath, [join(import.meta.dirname, program), ...parameters.map(String)], {
      env: { ...process.env, ...environment },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.ready = this.#listen();
    this.ready.catch(() => undefined);
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.stdin?.end();
    const hurry = setTimeout(() => this.#child.kill('SIGKILL'), 60_000);
    await exited;
    clearTimeout(hurry);
  }

  async #listen(): Promise<string> {
    const { stdout, stderr } = this.#child;
    if (stdout === null || stderr === null) throw new Error('a process of a crowd has no output');
    let log = '';
    stderr.setEncoding('utf8').on('data', (text: string) => (log = (log + text).slice(-4096)));
    const lines: Interface = createInterface({ input: stdout });
    const ended = once(this.#child, 'exit').then(([code, signal]) => {
      throw new Error(`a process of a crowd ended with ${String(signal ?? code)}\n${log}`);
    });
    const ready = new Promise<string>((resolve) => {
      lines.on('line', (line) => (line.startsWith('ready') ? resolve(line) : void this.losses.push(line)));
    });
    const line = await Promise.race([ready, ended]);
    // It ends later on, when it is told to: that is no error.
    ended.catch(() => undefined);
    return line;
  }
}
