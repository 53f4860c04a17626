import { Worker } from 'node:worker_threads';
import { RfaasError } from '@rfaas/core/wire';
import type { MemoryRegion, ProtectionDomain } from '@rfaas/rdmalib';
import type { ThreadUsage } from '../accounting/usage-meter.ts';
import type { ThreadAssignment, ThreadMessage } from './thread-assignment.ts';

/** Stop words lie in cache lines of their own: a thread reads its word all the time. */
const stopWordBytes = 64;

/** What a pool of worker threads works with. */
export interface ThreadPoolOptions {
  readonly domain: ProtectionDomain;
  /** What each thread is started with; the pool adds the address of its stop word. */
  readonly threads: readonly Omit<ThreadAssignment, 'stopAddress'>[];
  /** Wakes whoever sleeps on the queue at this native address. */
  interrupt(queue: number): void;
  onUsage(thread: number, usage: ThreadUsage): void;
}

/** How the threads ended without having been told to. */
export type PoolEnd = { readonly kind: 'disconnected' } | { readonly kind: 'failed'; readonly text: string };

interface Thread {
  readonly worker: Worker;
  queue: number | undefined;
  ended: boolean;
}

/** The worker threads of an executor, one for each leased core. */
export class ThreadPool {
  /** What the first thread found in a JavaScript package, once all have loaded it. Rejects with RfaasError if one cannot. */
  readonly loaded: Promise<readonly string[]>;
  /** The first end that nobody asked for. Never rejects. */
  readonly ended: Promise<PoolEnd>;
  readonly #options: ThreadPoolOptions;
  readonly #stopWords: MemoryRegion;
  readonly #threads: Thread[] = [];
  #names: readonly string[] = [];
  #loading: number;
  #resolveLoaded: (names: readonly string[]) => void = () => undefined;
  #rejectLoaded: (error: Error) => void = () => undefined;
  #resolveEnded: (end: PoolEnd) => void = () => undefined;
  #allEnded: (() => void) | undefined;

  /** Starts the threads. */
  constructor(options: ThreadPoolOptions) {
    this.#options = options;
    this.#loading = options.threads.length;
    this.loaded = new Promise((resolve, reject) => {
      this.#resolveLoaded = resolve;
      this.#rejectLoaded = reject;
    });
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.#stopWords = options.domain.allocateMemory({
      byteLength: options.threads.length * stopWordBytes,
      access: ['local-write'],
    });
    for (const assignment of options.threads) {
      this.#threads.push(this.#start(assignment));
    }
  }

  /** Tells all threads to stop. True once all have, false after `graceMs`: a function still runs. */
  async stop(graceMs: number): Promise<boolean> {
    const words = new Uint32Array(this.#stopWords.bytes.buffer, this.#stopWords.bytes.byteOffset);
    this.#threads.forEach((thread, index) => {
      Atomics.store(words, (index * stopWordBytes) / 4, 1);
      if (thread.queue !== undefined && !thread.ended) {
        this.#options.interrupt(thread.queue);
      }
      // For a thread whose functions wait for promises: its event loop runs.
      thread.worker.postMessage('stop');
    });
    if (this.#threads.every(({ ended }) => ended)) {
      return true;
    }
    const { promise: timeout, cancel } = delay(graceMs);
    const all = new Promise<boolean>((resolve) => {
      this.#allEnded = () => resolve(true);
    });
    const result = await Promise.race([all, timeout]);
    cancel();
    return result;
  }

  #start(assignment: Omit<ThreadAssignment, 'stopAddress'>): Thread {
    const stopAddress = this.#stopWords.address + assignment.index * stopWordBytes;
    const workerData: ThreadAssignment = { ...assignment, stopAddress };
    const worker = new Worker(new URL('./thread-main.js', import.meta.url), { workerData });
    const thread: Thread = { worker, queue: undefined, ended: false };
    worker.on('message', (message: ThreadMessage) => this.#onMessage(thread, assignment.index, message));
    worker.on('error', (error) => this.#onFailure(thread, `thread ${assignment.index}: ${textOf(error)}`));
    worker.on('exit', (code) =>
      this.#onFailure(thread, `thread ${assignment.index} exited with code ${code}`),
    );
    return thread;
  }

  #onMessage(thread: Thread, index: number, message: ThreadMessage): void {
    switch (message.kind) {
      case 'loaded':
        this.#names = index === 0 ? message.names : this.#names;
        this.#loading -= 1;
        if (this.#loading === 0) {
          this.#resolveLoaded(this.#names);
        }
        break;
      case 'load-failed':
        thread.ended = true;
        this.#rejectLoaded(
          new RfaasError('RFAAS_ERR_PACKAGE', message.text, { details: { syntax: message.syntax } }),
        );
        break;
      case 'serving':
        thread.queue = message.queue;
        break;
      case 'usage':
        this.#options.onUsage(index, message.usage);
        break;
      case 'failed':
        this.#onFailure(thread, `thread ${index}: ${message.text}`);
        break;
      case 'ended':
        this.#onEnd(thread, { kind: 'disconnected' });
        break;
    }
  }

  #onFailure(thread: Thread, text: string): void {
    if (!thread.ended) {
      this.#rejectLoaded(new RfaasError('RFAAS_ERR_ALLOCATION_FAILED', text));
      this.#onEnd(thread, { kind: 'failed', text });
    }
  }

  #onEnd(thread: Thread, end: PoolEnd): void {
    thread.ended = true;
    this.#resolveEnded(end);
    if (this.#threads.every(({ ended }) => ended)) {
      this.#allEnded?.();
    }
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? `uncaught ${error.name}: ${error.message}` : `uncaught ${String(error)}`;
}

function delay(milliseconds: number): { readonly promise: Promise<false>; readonly cancel: () => void } {
  let timer: NodeJS.Timeout | undefined;
  const promise = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), milliseconds);
  });
  return { promise, cancel: () => clearTimeout(timer) };
}
