import { RfaasError } from '@rfaas/core/wire';

/** How a service ended without having been told to. */
export type PoolEnd = { readonly kind: 'disconnected' } | { readonly kind: 'failed'; readonly text: string };

/** What the threads of a pool do for one client, from the assignment to its end. */
export class PoolService {
  /** How many threads serve. */
  readonly threads: number;
  /** What the first thread found in a JavaScript package, once all have loaded it. Rejects with RfaasError if one cannot. */
  readonly loaded: Promise<readonly string[]>;
  /** The first end that nobody asked for. Never rejects. */
  readonly ended: Promise<PoolEnd>;
  readonly #ended = new Set<number>();
  #names: readonly string[] = [];
  #loading: number;
  #resolveLoaded: (names: readonly string[]) => void = () => undefined;
  #rejectLoaded: (error: Error) => void = () => undefined;
  #resolveEnded: (end: PoolEnd) => void = () => undefined;
  #resolveAllEnded: (() => void) | undefined;

  constructor(threads: number) {
    this.threads = threads;
    this.#loading = threads;
    this.loaded = new Promise((resolve, reject) => {
      this.#resolveLoaded = resolve;
      this.#rejectLoaded = reject;
    });
    // Where loading fails before anybody waits for it, that failure is what is reported.
    this.loaded.catch(() => undefined);
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
  }

  /** A thread has loaded the package. */
  loadedBy(thread: number, names: readonly string[]): void {
    this.#names = thread === 0 ? names : this.#names;
    this.#loading -= 1;
    if (this.#loading === 0) {
      this.#resolveLoaded(this.#names);
    }
  }

  /** A thread cannot load the package, and ends. */
  loadFailed(thread: number, error: RfaasError): void {
    this.#ended.add(thread);
    this.#rejectLoaded(error);
  }

  /** A thread serves no more. */
  endedBy(thread: number, end: PoolEnd): void {
    this.#ended.add(thread);
    this.#resolveEnded(end);
    if (this.#ended.size >= this.threads) {
      this.#resolveAllEnded?.();
    }
  }

  /** A thread failed; nothing if it had ended before. */
  failedBy(thread: number, text: string): void {
    if (thread < this.threads && !this.#ended.has(thread)) {
      this.#rejectLoaded(new RfaasError('RFAAS_ERR_ALLOCATION_FAILED', text));
      this.endedBy(thread, { kind: 'failed', text });
    }
  }

  /** Whether a thread serves no more. */
  hasEnded(thread: number): boolean {
    return this.#ended.has(thread);
  }

  /** True once all threads have ended, false if they have not after `graceMs`. */
  async allEnded(graceMs: number): Promise<boolean> {
    if (this.#ended.size >= this.threads) {
      return true;
    }
    let timer: NodeJS.Timeout | undefined;
    const result = await new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), graceMs);
      this.#resolveAllEnded = () => resolve(true);
    });
    clearTimeout(timer);
    return result;
  }
}
