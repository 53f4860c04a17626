import type { ExecutorAssignment, ExecutorPreparation } from '@rfaas/core';
import type { ProcessExit } from '../src/allocation-outcome.ts';
import type { ExecutorHandle, ExecutorLauncher } from '../src/launchers/executor-launcher.ts';

/** An executor that is played by a test. */
export class PlayedExecutor implements ExecutorHandle {
  readonly pid = 4711;
  readonly exited: Promise<ProcessExit>;
  readonly preparation: ExecutorPreparation;
  /** Where it was started. */
  readonly cpus: readonly number[];
  readonly assignments: ExecutorAssignment[] = [];
  kills = 0;
  #exit: (exit: ProcessExit) => void = () => undefined;

  constructor(preparation: ExecutorPreparation, cpus: readonly number[]) {
    this.preparation = preparation;
    this.cpus = cpus;
    this.exited = new Promise((resolve) => {
      this.#exit = resolve;
    });
  }

  /** The process ends. */
  exit(code: number | null, signal: NodeJS.Signals | null = null): void {
    this.#exit({ code, signal });
  }

  assign(assignment: ExecutorAssignment): void {
    this.assignments.push(assignment);
  }

  lastOutput(): string {
    return '';
  }

  kill(): void {
    this.kills += 1;
    this.exit(null, 'SIGKILL');
  }
}

/** Starts nothing, and keeps what it was asked to start. */
export class PlayedLauncher implements ExecutorLauncher {
  readonly executors: PlayedExecutor[] = [];

  launch(preparation: ExecutorPreparation, cpus: readonly number[]): PlayedExecutor {
    const executor = new PlayedExecutor(preparation, cpus);
    this.executors.push(executor);
    return executor;
  }
}
