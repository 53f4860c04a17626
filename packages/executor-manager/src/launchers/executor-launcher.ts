import type { ExecutorAssignment, ExecutorPreparation } from '@rfaas/core';
import type { ProcessExit } from '../allocation-outcome.ts';

/** A running executor. */
export interface ExecutorHandle {
  /** For logs; undefined where nothing was started. */
  readonly pid: number | undefined;
  /** Settles once, when the executor has ended. Never rejects. */
  readonly exited: Promise<ProcessExit>;
  /** The last lines that it wrote to standard error or output. */
  lastOutput(): string;
  /** Moves it, with all its threads, to its cores and tells it whom to serve. Nothing for one that has ended. */
  assign(assignment: ExecutorAssignment): void;
  /** Ends it and everything that it started, at once. Idempotent; also for one that has ended. */
  kill(): void;
}

/** Starts executors: as processes, in containers, … */
export interface ExecutorLauncher {
  /** Starts one that may run on `cpus`. Never throws: what cannot be started has exited with an error. */
  launch(preparation: ExecutorPreparation, cpus: readonly number[]): ExecutorHandle;
}
