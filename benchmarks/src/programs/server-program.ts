import { spawn, type ChildProcess } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

/** The commands that can be started. */
export type ServerName = 'resource-manager' | 'executor-manager';

/** Lines of the log that are kept, for when it ends unexpectedly. */
const KEPT_LINES = 200;

/** A server of rFaaS as a process of its own. */
export class ServerProgram implements AsyncDisposable {
  /** What it said of itself when it was ready. */
  readonly ready: Readonly<Record<string, unknown>>;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #log: string[];

  private constructor(
    ready: Readonly<Record<string, unknown>>,
    child: ChildProcess,
    exited: Promise<void>,
    log: string[],
  ) {
    this.ready = ready;
    this.#child = child;
    this.#exited = exited;
    this.#log = log;
  }

  /** Starts it and waits until it is ready, for as long as the signal allows. Throws Error with its last words. */
  static async start(
    name: ServerName,
    parameters: readonly string[],
    signal: AbortSignal,
  ): Promise<ServerProgram> {
    // It goes with this process, however that ends.
    const words = ['--pdeathsig', 'KILL', process.execPath, programPath(name), ...parameters];
    const child = spawn('setpriv', words, {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const log: string[] = [];
    createInterface({ input: child.stderr }).on('line', (line) => {
      log.push(line);
      if (log.length > KEPT_LINES) log.shift();
    });
    const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
    const stop = (): void => void child.kill('SIGKILL');
    signal.addEventListener('abort', stop, { once: true });
    try {
      const ready = await new Promise<string>((resolve, reject) => {
        createInterface({ input: child.stdout }).once('line', resolve);
        void exited.then(() => reject(new Error(`${name} did not get ready:\n${log.join('\n')}`)));
      });
      return new ServerProgram(JSON.parse(ready) as Record<string, unknown>, child, exited, log);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  get url(): string {
    return String(this.ready['url']);
  }

  get httpUrl(): string {
    return String(this.ready['httpUrl']);
  }

  /** The last lines of its log. */
  get log(): readonly string[] {
    return this.#log;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Sends a signal and waits for its end. */
  async end(name: NodeJS.Signals): Promise<void> {
    this.#child.kill(name);
    await this.#exited;
  }

  /** Kills it, whatever it does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGKILL');
  }
}

function programPath(name: ServerName): string {
  const manifest = createRequire(import.meta.url).resolve(`@rfaas/${name}/package.json`);
  return join(dirname(manifest), 'bin', `rfaas-${name}.cjs`);
}
