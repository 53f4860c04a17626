import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { childEnvironment } from '../support/spawn-server.ts';
import type { Host } from './lab/host.mjs';

/** How a call ended. */
export interface Outcome {
  readonly result?: unknown;
  readonly error?: { readonly code: string; readonly message: string };
  /** How long it took, in the client's process. */
  readonly milliseconds: number;
}

interface Answer extends Outcome {
  readonly id: number;
}

/** A client of rFaaS in a host of a lab; its calls are those of programs/client-program.mjs. */
export class RemoteClient implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #waiting = new Map<number, (outcome: Outcome) => void>();
  #calls = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#exited = once(child, 'exit');
    child.on('message', (message) => {
      const { id, ...outcome } = message as Answer;
      this.#waiting.get(id)?.(outcome);
      this.#waiting.delete(id);
    });
  }

  static async start(host: Host): Promise<RemoteClient> {
    const script = fileURLToPath(new URL('programs/client-program.mjs', import.meta.url));
    const [program = '', ...parameters] = host.prefix;
    const child = fork(script, {
      execPath: program,
      execArgv: [...parameters, process.execPath],
      env: childEnvironment(),
    });
    const client = new RemoteClient(child);
    await once(child, 'spawn');
    return client;
  }

  /** Makes a call and tells how it ended. */
  async outcome(method: string, ...values: readonly unknown[]): Promise<Outcome> {
    this.#calls += 1;
    const id = this.#calls;
    const answered = new Promise<Outcome>((resolve) => this.#waiting.set(id, resolve));
    this.#child.send({ id, method, values });
    const ended = this.#exited.then(() => {
      throw new Error(`the client ended during ${method}`);
    });
    ended.catch(() => undefined);
    return Promise.race([answered, ended]);
  }

  /** Makes a call that must succeed; its result. */
  async call(method: string, ...values: readonly unknown[]): Promise<unknown> {
    const { result, error } = await this.outcome(method, ...values);
    if (error !== undefined) throw new Error(`${method}: ${error.message} [${error.code}]`);
    return result;
  }

  /** Ends the process. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    await this.#exited;
  }
}
