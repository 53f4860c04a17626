import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { NetworkAddress } from '@rfaas/rdmalib';
import { Side } from './side.ts';

/** A side's methods, wherever the side is. */
export type SideClient = {
  readonly [Name in keyof Side]: Side[Name] extends (...values: infer Values) => infer Result
    ? (...values: Values) => Promise<Awaited<Result>>
    : never;
};

/** A call of a side's method, as it travels. */
export interface SideCall {
  readonly id: number;
  readonly method: keyof Side;
  readonly values: readonly unknown[];
}

/** What came of a call. */
export interface SideAnswer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: Readonly<Record<string, unknown>>;
}

/** A side elsewhere, and how it ends. */
export interface Elsewhere {
  readonly side: SideClient;
  /** Ends it in an orderly way. */
  stop(): Promise<void>;
  /** Ends it at once, without its closing anything. */
  kill(): Promise<void>;
}

/** A side in a process of its own. */
export interface OtherProcess extends Elsewhere {
  /** Stops it: resolves when none of its threads runs. */
  freeze(): Promise<void>;
  /** Lets it go on. */
  thaw(): void;
}

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A file of this suite as processes and threads run it: built. */
export function builtFile(name: string): string {
  return join(dirname(fileURLToPath(import.meta.url)), '..', 'dist', name);
}

/** A side in this process, behind the same asynchronous methods as one elsewhere. */
export function sideHere(url: string, address: NetworkAddress): SideClient {
  const side = new Side(url, address);
  return proxy(async (method, values) => invoke(side, method, values));
}

/** A side in a process of its own, which runs from the built files. */
export async function sideInProcess(url: string, address: NetworkAddress): Promise<OtherProcess> {
  const child = fork(builtFile('peer-process.js'), [url, JSON.stringify(address)], {
    serialization: 'advanced',
    execArgv: [],
  });
  const calls = new Calls((call) => child.send(call));
  child.on('message', (answer) => calls.answered(answer as SideAnswer));
  child.once('exit', (code, signal) => calls.ended(`the peer process ended with ${code ?? signal}`));
  await once(child, 'spawn');
  return {
    side: proxy(async (method, values) => calls.make(method, values)),
    stop: async () => end(child, () => child.disconnect()),
    kill: async () => end(child, () => child.kill('SIGKILL')),
    freeze: async () => {
      child.kill('SIGSTOP');
      while (!isFrozen(child.pid)) await setTimeout(1);
    },
    thaw: () => void child.kill('SIGCONT'),
  };
}

/** A side in a worker thread, which runs from the built files. */
export function sideInThread(url: string, address: NetworkAddress): Elsewhere {
  const worker = new Worker(builtFile('peer-thread.js'), { workerData: { url, address } });
  const calls = new Calls((call) => worker.postMessage(call));
  worker.on('message', (answer) => calls.answered(answer as SideAnswer));
  worker.once('error', (error) => calls.ended(`the worker thread failed: ${error.message}`));
  const stop = async (): Promise<void> => {
    const exit = once(worker, 'exit');
    worker.postMessage(null);
    await exit;
  };
  return {
    side: proxy(async (method, values) => calls.make(method, values)),
    stop,
    kill: async () => void (await worker.terminate()),
  };
}

/** Calls a side's method by name; what it throws is what the promise rejects with. */
export async function invoke(side: Side, method: keyof Side, values: readonly unknown[]): Promise<unknown> {
  const methods = side as unknown as Readonly<Record<string, (...all: readonly unknown[]) => unknown>>;
  return await methods[method]?.(...values);
}

/** An error's facts, as they travel. */
export function errorFacts(error: unknown): Readonly<Record<string, unknown>> {
  const { name, message, stack } = error as Error;
  const { code, details, privateData } = error as Readonly<Record<string, unknown>>;
  return { name, message, stack, code, details, privateData };
}

function isFrozen(pid: number | undefined): boolean {
  const tasks = `/proc/${pid}/task`;
  return readdirSync(tasks).every((id) => /^State:\tT/m.test(readFileSync(`${tasks}/${id}/status`, 'utf8')));
}

async function end(child: ChildProcess, how: () => void): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const exit = once(child, 'exit');
    how();
    await exit;
  }
}

function proxy(call: (method: keyof Side, values: readonly unknown[]) => Promise<unknown>): SideClient {
  return new Proxy({} as SideClient, {
    get: (_target, name) =>
      name === 'then' ? undefined : async (...values: unknown[]) => call(name as keyof Side, values),
  });
}

class Calls {
  readonly #send: (call: SideCall) => void;
  readonly #pending = new Map<number, Pending>();
  #next = 1;

  constructor(send: (call: SideCall) => void) {
    this.#send = send;
  }

  async make(method: keyof Side, values: readonly unknown[]): Promise<unknown> {
    const id = this.#next;
    this.#next += 1;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#send({ id, method, values });
    });
  }

  answered({ id, result, error }: SideAnswer): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (error === undefined) {
      pending?.resolve(result);
    } else {
      pending?.reject(Object.assign(new Error(String(error['message'])), error));
    }
  }

  ended(reason: string): void {
    for (const pending of this.#pending.values()) {
      pending.reject(new Error(reason));
    }
    this.#pending.clear();
  }
}
