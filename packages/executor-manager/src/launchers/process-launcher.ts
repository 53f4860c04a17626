import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { formatAssignment, formatPreparation } from '@rfaas/core';
import type { Environment, ExecutorAssignment, ExecutorPreparation, Logger } from '@rfaas/core';
import type { ProcessExit } from '../allocation-outcome.ts';
import { executorEnvironment } from './executor-environment.ts';
import type { ExecutorHandle, ExecutorLauncher } from './executor-launcher.ts';
import { OutputTail } from './output-tail.ts';
import type { ProcessorAffinity } from './processor-affinity.ts';

/** What a process launcher works with. */
export interface ProcessLauncherOptions {
  readonly affinity: ProcessorAffinity;
  readonly environment: Environment;
  readonly logger: Logger;
  /** The script that an executor runs; default: that of `@rfaas/executor`. */
  readonly entry?: string | undefined;
}

/**
 * Runs each executor as a Node process in a process group of its own, bound to its cores. It inherits no descriptor but
 * its three standard streams; what it is to do, with the secrets, are lines on standard input, which stays open: its end
 * tells the executor that the manager is gone.
 */
export class ProcessLauncher implements ExecutorLauncher {
  readonly #options: ProcessLauncherOptions;
  readonly #entry: string;

  constructor(options: ProcessLauncherOptions) {
    this.#options = options;
    this.#entry = options.entry ?? executorEntry();
  }

  launch(preparation: ExecutorPreparation, cpus: readonly number[]): ExecutorHandle {
    const { affinity, environment, logger } = this.#options;
    const output = new OutputTail((line) =>
      logger.info('executor output', { executorId: preparation.executorId, line }),
    );
    let child: ChildProcess;
    try {
      child = affinity.runBound(cpus, () =>
        spawn(process.execPath, [this.#entry], {
          stdio: ['pipe', 'pipe', 'pipe'],
          env: executorEnvironment(environment),
          detached: true,
        }),
      );
    } catch (error) {
      return failedLaunch(error instanceof Error ? error.message : String(error));
    }
    for (const stream of [child.stdout, child.stderr]) {
      if (stream !== null) {
        output.follow(stream);
      }
    }
    // An executor that is gone before it has read its line: its exit is what is reported.
    child.stdin?.on('error', () => undefined);
    child.stdin?.write(formatPreparation(preparation));
    return new ProcessHandle(child, output, affinity, cpus);
  }
}

class ProcessHandle implements ExecutorHandle {
  readonly pid: number | undefined;
  readonly exited: Promise<ProcessExit>;
  readonly #child: ChildProcess;
  readonly #output: OutputTail;
  readonly #affinity: ProcessorAffinity;
  #cpus: readonly number[];

  constructor(child: ChildProcess, output: OutputTail, affinity: ProcessorAffinity, cpus: readonly number[]) {
    this.pid = child.pid;
    this.#child = child;
    this.#output = output;
    this.#affinity = affinity;
    this.#cpus = cpus;
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        // Whatever the executor left behind is in its process group.
        this.#killGroup();
        resolve({ code, signal });
      });
      child.once('error', (error) => {
        if (child.pid === undefined) {
          resolve({ code: null, signal: null, error: error.message });
        }
      });
    });
    // Pipes that a descendant in another process group keeps open must not keep the manager alive.
    void this.exited.then(() => {
      child.stdin?.destroy();
      child.stdout?.destroy();
      child.stderr?.destroy();
    });
  }

  lastOutput(): string {
    return this.#output.toString();
  }

  assign(assignment: ExecutorAssignment): void {
    if (this.pid === undefined || this.#hasEnded) {
      return;
    }
    if (assignment.cpus.join() !== this.#cpus.join()) {
      this.#affinity.bindProcess(this.pid, assignment.cpus);
      this.#cpus = assignment.cpus;
    }
    this.#child.stdin?.write(formatAssignment(assignment));
  }

  get #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  kill(): void {
    if (!this.#hasEnded) {
      this.#killGroup();
    }
  }

  #killGroup(): void {
    if (this.pid === undefined) {
      return;
    }
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch (error) {
      // ESRCH: nobody of the group is left, which is what was wanted.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') {
        throw error;
      }
    }
  }
}

function failedLaunch(error: string): ExecutorHandle {
  return {
    pid: undefined,
    exited: Promise.resolve({ code: null, signal: null, error }),
    lastOutput: () => '',
    assign: () => undefined,
    kill: () => undefined,
  };
}

/** Where `@rfaas/executor` is installed. */
function executorEntry(): string {
  const manifest = createRequire(import.meta.url).resolve('@rfaas/executor/package.json');
  return join(dirname(manifest), 'bin', 'rfaas-executor.cjs');
}
