import type { Allocate, ExecutorAssignment } from '@rfaas/core';
import type { ExecutorProcess } from './executor-process.ts';

/** An executor that waits for its client's return. */
export interface KeptExecutor {
  readonly executor: ExecutorProcess;
  readonly leaseId: string;
  /** Under whose claim its memory is held. */
  readonly allocationId: string;
  readonly memoryMiB: number;
  /** What it served last. */
  readonly assignment: ExecutorAssignment;
}

interface Entry extends KeptExecutor {
  readonly timer: NodeJS.Timeout;
}

/** Executors that were given back and stay for a while, each for the holder of its lease only. */
export class KeptExecutors {
  readonly #entries = new Set<Entry>();
  readonly #keepMs: number;
  readonly #onGone: (kept: KeptExecutor) => void;

  /** `onGone` hears once of each that is kept no longer and was not taken: its process has ended. */
  constructor(keepMs: number, onGone: (kept: KeptExecutor) => void) {
    this.#keepMs = keepMs;
    this.#onGone = onGone;
  }

  /** Keeps an executor for the configured time. */
  keep(kept: KeptExecutor): void {
    const timer = setTimeout(() => this.#drop(entry), this.#keepMs);
    const entry: Entry = { ...kept, timer };
    this.#entries.add(entry);
    void kept.executor.exited.then(() => {
      clearTimeout(timer);
      if (this.#entries.delete(entry)) {
        this.#onGone(kept);
      }
    });
  }

  /** An executor of the lease that has this package loaded and fits the request; it is kept no longer. */
  take(leaseId: string, request: Allocate): KeptExecutor | undefined {
    const found = this.of(leaseId).find(({ assignment, memoryMiB }) => {
      const isSamePackage =
        assignment.sha256 === request.sha256 && assignment.packageKind === request.packageKind;
      return isSamePackage && assignment.threads === request.cores && memoryMiB === request.memoryMiB;
    });
    if (found !== undefined) {
      clearTimeout(found.timer);
      this.#entries.delete(found);
    }
    return found;
  }

  /** Those of one lease. */
  of(leaseId: string): Entry[] {
    return [...this.#entries].filter((entry) => entry.leaseId === leaseId);
  }

  /** How many there are. */
  get size(): number {
    return this.#entries.size;
  }

  /** Ends the one that was kept for longest, of the lease if one is named, and returns it; undefined where there is none. */
  evict(leaseId?: string): KeptExecutor | undefined {
    const oldest = leaseId === undefined ? [...this.#entries][0] : this.of(leaseId)[0];
    if (oldest !== undefined) {
      this.#entries.delete(oldest);
      this.#drop(oldest);
    }
    return oldest;
  }

  /** Ends those of a lease, or all; resolves once nothing is left of them. */
  async end(leaseId?: string): Promise<void> {
    const entries = leaseId === undefined ? [...this.#entries] : this.of(leaseId);
    for (const entry of entries) {
      this.#drop(entry);
    }
    await Promise.all(entries.map(({ executor }) => executor.exited));
  }

  #drop({ executor, timer }: Entry): void {
    clearTimeout(timer);
    executor.kill();
  }
}
