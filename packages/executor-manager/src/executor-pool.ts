import type { Logger } from '@rfaas/core';
import type { ExecutorProcess } from './executor-process.ts';

/** How long to wait after an executor that ended before anybody claimed it; twice as long after each further one. */
const firstPauseMs = 100;
const longestPauseMs = 30_000;
/** How long after a claim its successor is started: the claimed one may be loading still, and about to be invoked. */
const successorPauseMs = 50;

/** What a pool works with. */
export interface ExecutorPoolOptions {
  /** How many executors it keeps. */
  readonly size: number;
  /** Starts one that serves nobody yet. Throws RdmaError where there is no memory for it. */
  start(): ExecutorProcess;
  readonly logger: Logger;
}

/**
 * Executors that were started ahead of their clients. It is filled in the background, one at a time, so that starting
 * takes at most one core from those that work.
 */
export class ExecutorPool {
  readonly #options: ExecutorPoolOptions;
  readonly #executors = new Set<ExecutorProcess>();
  #pauseMs = firstPauseMs;
  #pausing: NodeJS.Timeout | undefined;
  #succeeding: NodeJS.Timeout | undefined;
  #starting: ExecutorProcess | undefined;
  #stopped = false;

  constructor(options: ExecutorPoolOptions) {
    this.#options = options;
  }

  /** Executors that are prepared and that nobody has claimed. */
  get ready(): number {
    return [...this.#executors].filter(({ isPrepared }) => isPrepared).length;
  }

  /** Starts what is missing. */
  fill(): void {
    const isFull = this.#executors.size >= this.#options.size;
    if (this.#stopped || isFull || this.#starting !== undefined || this.#pausing !== undefined) {
      return;
    }
    try {
      this.#start();
    } catch (error) {
      this.#pause(error instanceof Error ? error.message : String(error));
    }
  }

  /** Starts what is missing in a moment: a client has got one, and shall not share its cores with the start of another. */
  fillSoon(): void {
    if (!this.#stopped) {
      this.#succeeding ??= setTimeout(() => {
        this.#succeeding = undefined;
        this.fill();
      }, successorPauseMs);
    }
  }

  /** An executor for one client, and for no other, ever: the one that is furthest, or undefined where there is none. */
  claim(): ExecutorProcess | undefined {
    const executors = [...this.#executors];
    const claimed = executors.find(({ isPrepared }) => isPrepared) ?? executors[0];
    if (claimed !== undefined) {
      this.#forget(claimed);
    }
    return claimed;
  }

  /** Ends all of them; resolves once nothing is left. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#pausing);
    clearTimeout(this.#succeeding);
    const executors = [...this.#executors];
    for (const executor of executors) {
      executor.kill();
    }
    await Promise.all(executors.map(({ exited }) => exited));
  }

  #start(): void {
    const executor = this.#options.start();
    this.#executors.add(executor);
    this.#starting = executor;
    void executor.prepared.then(() => {
      this.#pauseMs = firstPauseMs;
      this.#options.logger.info('executor prewarmed', { executorPid: executor.pid });
      this.#started(executor);
    });
    void executor.exited.then((exit) => {
      if (this.#executors.has(executor) && !this.#stopped) {
        this.#forget(executor);
        const how = exit.error ?? exit.signal ?? `code ${String(exit.code)}`;
        this.#pause(`ended with ${how}; it wrote: ${executor.lastOutput()}`);
      }
    });
  }

  #started(executor: ExecutorProcess): void {
    if (this.#starting === executor) {
      this.#starting = undefined;
      this.fill();
    }
  }

  #forget(executor: ExecutorProcess): void {
    this.#executors.delete(executor);
    if (this.#starting === executor) {
      this.#starting = undefined;
    }
  }

  #pause(problem: string): void {
    this.#options.logger.warn('a prewarmed executor did not last: starting another', {
      text: problem,
      pauseMs: this.#pauseMs,
    });
    this.#pausing = setTimeout(() => {
      this.#pausing = undefined;
      this.fill();
    }, this.#pauseMs);
    this.#pauseMs = Math.min(longestPauseMs, 2 * this.#pauseMs);
  }
}
