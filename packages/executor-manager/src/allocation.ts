import type { AllocationEnded, ExecutorAssignment, Lease } from '@rfaas/core';
import type { AllocationObserver, AllocationPhase } from './allocation-observer.ts';
import { allocationOutcome, stopReasonOf } from './allocation-outcome.ts';
import type { EndCause, ProcessExit } from './allocation-outcome.ts';
import type { ExecutorProcess } from './executor-process.ts';
import { UsageAccount } from './usage-account.ts';
import type { AllocationUsage, ThreadCounters } from './usage-account.ts';

/** What an allocation is made of. */
export interface AllocationOptions {
  readonly allocationId: string;
  readonly lease: Lease;
  readonly memoryMiB: number;
  readonly assignment: ExecutorAssignment;
  /** Serves nobody else from now on. */
  readonly executor: ExecutorProcess;
  readonly startTimeoutMs: number;
  readonly stopTimeoutMs: number;
  /** Whether the executor shall stay for the client's return when the client gives it back. */
  readonly keepWarm: boolean;
  readonly observer: AllocationObserver;
  /** When the client asked for it, on the clock of `now`. */
  readonly asked: number;
  /** Nanoseconds of a monotonic clock. */
  readonly now: () => number;
}

/** What one client has of one executor, from the assignment to its bill. */
export class Allocation {
  readonly allocationId: string;
  readonly leaseId: string;
  readonly cores: number;
  readonly memoryMiB: number;
  readonly assignment: ExecutorAssignment;
  readonly executor: ExecutorProcess;
  /** Settles once the executor is gone, or has left the client to be kept. Never rejects. */
  readonly ended: Promise<AllocationEnded>;
  readonly #options: AllocationOptions;
  readonly #account: UsageAccount;
  readonly #before: readonly ThreadCounters[];
  readonly #released: Promise<'released'>;
  #resolveReleased: () => void = () => undefined;
  #resolveReady: () => void = () => undefined;
  #phaseStart: number;
  #cause: EndCause | undefined;
  #failure: string | undefined;
  #ready = false;
  #isKept = false;
  #startTimer: NodeJS.Timeout;
  #killTimer: NodeJS.Timeout | undefined;
  #finalUsage: AllocationUsage | undefined;
  /** Settles once the executor is connected to the client, and when it never will be. */
  readonly settled: Promise<void>;

  /** Assigns the executor. */
  constructor(options: AllocationOptions) {
    const { assignment, executor } = options;
    this.allocationId = options.allocationId;
    this.leaseId = options.lease.leaseId;
    this.cores = assignment.threads;
    this.memoryMiB = options.memoryMiB;
    this.assignment = assignment;
    this.executor = executor;
    this.#options = options;
    this.#before = executor.counters();
    this.#account = new UsageAccount(assignment.threads, options.memoryMiB, options.now());
    this.#phaseStart = options.asked;
    options.observer.started();
    this.#endPhase('launch');
    void executor.connected.then(() => this.#endPhase('connect'));
    this.#released = new Promise((resolve) => {
      this.#resolveReleased = () => resolve('released');
    });
    this.settled = new Promise((resolve) => {
      this.#resolveReady = resolve;
    });
    this.#startTimer = setTimeout(() => this.end('start-timeout'), options.startTimeoutMs);
    executor.assign(assignment, {
      ready: () => this.#onReady(),
      failed: (text) => this.#onFailure(text),
      released: () => this.#resolveReleased(),
    });
    this.ended = this.#supervise();
  }

  /** For logs. */
  get pid(): number | undefined {
    return this.executor.pid;
  }

  /** Whether the executor outlives the allocation, ready for the same client. */
  get isKept(): boolean {
    return this.#isKept;
  }

  /** Ends it; whoever asks first is the reason. `ended` settles once it is over. Idempotent. */
  end(cause: EndCause): void {
    if (this.#cause !== undefined || this.#finalUsage !== undefined) {
      return;
    }
    this.#cause = cause;
    this.#phaseStart = this.#options.now();
    const { stopTimeoutMs, keepWarm, executor } = this.#options;
    if (cause === 'start-timeout') {
      executor.kill();
      return;
    }
    this.#killTimer = setTimeout(() => executor.kill(), stopTimeoutMs);
    if (cause === 'deallocated' && keepWarm && this.#ready && this.#failure === undefined) {
      executor.release();
    } else {
      executor.stop(stopReasonOf(cause));
    }
  }

  /** The bill up to now; after the end, the last one. */
  usage(): AllocationUsage {
    return this.#finalUsage ?? this.#account.read(this.#counters(), this.#options.now());
  }

  async #supervise(): Promise<AllocationEnded> {
    const { allocationId, startTimeoutMs, executor } = this.#options;
    const end = await Promise.race([this.#released, executor.exited]);
    clearTimeout(this.#startTimer);
    clearTimeout(this.#killTimer);
    this.#resolveReady();
    this.#isKept = end === 'released' && !executor.hasExited;
    this.#finalUsage = this.usage();
    if (this.#cause !== undefined) {
      this.#endPhase('stop');
    }
    const exit: ProcessExit = end === 'released' ? { code: 0, signal: null } : end;
    return allocationOutcome({
      allocationId,
      cause: this.#cause,
      exit,
      failure: this.#failure,
      ready: this.#ready,
      startTimeoutMs,
      lastOutput: executor.lastOutput(),
    });
  }

  #onReady(): void {
    const { observer, asked, now } = this.#options;
    this.#ready = true;
    clearTimeout(this.#startTimer);
    if (this.#cause === undefined) {
      this.#endPhase('prepare');
      observer.ready((now() - asked) / 1e9);
    }
    this.#resolveReady();
  }

  #endPhase(phase: AllocationPhase): void {
    const now = this.#options.now();
    this.#options.observer.phase(phase, (now - this.#phaseStart) / 1e9);
    this.#phaseStart = now;
  }

  #onFailure(text: string): void {
    this.#failure ??= text;
    // It is about to end by itself, or its thread hangs.
    const { stopTimeoutMs, executor } = this.#options;
    this.#killTimer ??= setTimeout(() => executor.kill(), stopTimeoutMs);
  }

  #counters(): ThreadCounters[] {
    const { threads } = this.assignment;
    return this.executor
      .counters()
      .slice(0, threads)
      .map((now, thread) => difference(now, this.#before[thread]));
  }
}

/** What was used since. Counters that were told anew begin at zero, and none goes back. */
function difference(now: ThreadCounters, before: ThreadCounters | undefined): ThreadCounters {
  const since = (field: keyof ThreadCounters): number => Math.max(0, now[field] - (before?.[field] ?? 0));
  return {
    hotPollingNs: since('hotPollingNs'),
    executionNs: since('executionNs'),
    invocations: since('invocations'),
    hotToWarm: since('hotToWarm'),
  };
}
