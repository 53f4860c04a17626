import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';

/** All that is in PATH: npm needs a shell, its scripts need env. No compiler, no make. */
const PROGRAMS = ['node', 'npm', 'npx', 'sh', 'env'];

/** Servers are up in well under a second; on a busy machine they get this long. */
const READY_TIMEOUT_MS = 30_000;

/** What a command did. */
export interface CommandResult {
  readonly status: number | null;
  readonly output: string;
}

/** A program that printed a first line. */
export interface RunningProgram {
  readonly line: string;
  /** What it has printed after that. */
  readonly printed: readonly string[];
  /** Resolves with its exit status once the program and npx in front of it have ended. */
  readonly ended: Promise<number | null>;
  /** Asks it to end with SIGTERM and waits until the program and npx in front of it have ended. */
  stop(): Promise<void>;
}

/**
 * A machine as a user's is after installing Node: a home and npm cache of its own, empty folders, no compiler in PATH.
 */
export class UserMachine implements AsyncDisposable {
  readonly home: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly #running = new Set<ChildProcess>();

  constructor(registry: string) {
    this.home = mkdtempSync(join(tmpdir(), 'rfaas-user-'));
    const bin = join(this.home, 'bin');
    mkdirSync(bin);
    for (const program of PROGRAMS)
      symlinkSync(program === 'node' ? process.execPath : whichProgram(program), join(bin, program));
    const { host } = new URL(registry);
    writeFileSync(
      join(this.home, '.npmrc'),
      // npm wants a token even for a registry that takes packages from anybody.
      `registry=${registry}\n//${host}/:_authToken=anybody\naudit=false\nfund=false\nupdate-notifier=false\n`,
    );
    this.environment = {
      HOME: this.home,
      PATH: bin,
      ...(process.env['NODE_EXTRA_CA_CERTS'] === undefined
        ? {}
        : { NODE_EXTRA_CA_CERTS: process.env['NODE_EXTRA_CA_CERTS'] }),
    };
  }

  /** Makes an empty folder with a package.json, as a new project has. */
  makeFolder(name: string): string {
    const folder = join(this.home, name);
    mkdirSync(folder);
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
    return folder;
  }

  /** Runs a command to its end. */
  run(
    folder: string,
    command: string,
    parameters: readonly string[],
    environment: NodeJS.ProcessEnv = {},
  ): CommandResult {
    const run = spawnSync(command, parameters, {
      cwd: folder,
      env: { ...this.environment, ...environment },
      encoding: 'utf8',
    });
    return { status: run.status, output: `${run.stdout}${run.stderr}${run.error?.message ?? ''}` };
  }

  /**
   * Starts a program and waits for its first line: a server's ready line.
   *
   * @throws Error with what it printed if it ends first or takes too long
   */
  async start(folder: string, command: string, parameters: readonly string[]): Promise<RunningProgram> {
    const child = spawn(command, parameters, {
      cwd: folder,
      env: this.environment,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.#running.add(child);
    // Closed once nobody has its output open any more: not npx, not the program behind it.
    const ended = once(child, 'close').then(([status]) => {
      this.#running.delete(child);
      return status as number | null;
    });
    let complaints = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaints += text;
    });
    const printed: string[] = [];
    const lines = createInterface({ input: child.stdout });
    const first = once(lines, 'line', { signal: AbortSignal.timeout(READY_TIMEOUT_MS) });
    const started = (await Promise.race([first, ended.then(() => undefined)])) as [string] | undefined;
    if (started === undefined)
      throw new Error(`${command} ${parameters.join(' ')} ended early:\n${complaints}`);
    lines.on('line', (line) => printed.push(line));
    return {
      line: started[0],
      printed,
      ended,
      async stop() {
        signalGroup(child, 'SIGTERM');
        await ended;
      },
    };
  }

  /** Ends what still runs and removes everything. */
  async [Symbol.asyncDispose](): Promise<void> {
    const children = [...this.#running];
    for (const child of children) {
      const exited = once(child, 'close');
      signalGroup(child, 'SIGKILL');
      await exited;
    }
    rmSync(this.home, { recursive: true, force: true });
  }
}

/** npx is a shell in front of the program: the signal goes to the whole group, as Ctrl-C in a terminal does. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // all of them ended just now
  }
}

function whichProgram(name: string): string {
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    const run = spawnSync(join(directory, name), ['--version'], { stdio: 'ignore' });
    if (run.error === undefined) return join(directory, name);
  }
  throw new Error(`no ${name} in PATH`);
}
