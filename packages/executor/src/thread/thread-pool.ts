import { Worker } from 'node:worker_threads';
import { RfaasError } from '@rfaas/core/wire';
import type { MemoryRegion, ProtectionDomain } from '@rfaas/rdmalib';
import type { ThreadUsage } from '../accounting/usage-meter.ts';
import type { FunctionSource } from '../functions/function-library.ts';
import { PoolService } from './pool-service.ts';
import type {
  ThreadAssignment,
  ThreadCommand,
  ThreadMessage,
  ThreadPreparation,
} from './thread-assignment.ts';

/** Stop words lie in cache lines of their own: a thread reads its word all the time. */
const stopWordBytes = 64;

/** What a pool of worker threads works with. */
export interface ThreadPoolOptions {
  readonly domain: ProtectionDomain;
  /** Threads to start at once. */
  readonly threads: number;
  /** What each thread is started with; the pool adds which one it is. */
  readonly preparation: Omit<ThreadPreparation, 'index' | 'stopAddress'>;
  onUsage(thread: number, usage: ThreadUsage): void;
}

interface Thread {
  readonly worker: Worker;
  readonly stopWord: Uint32Array;
  queue: number | undefined;
}

/** The worker threads of an executor: prepared before a client is known, and serving one client after the other. */
export class ThreadPool {
  /** Resolves once every thread that was started at once is prepared. */
  readonly prepared: Promise<void>;
  /** Resolves to what ended a thread that nobody told to end. Never rejects. */
  readonly failed: Promise<string>;
  readonly #options: ThreadPoolOptions;
  readonly #threads: Thread[] = [];
  #unprepared: number;
  #service: PoolService | undefined;
  #interrupt: (queue: number) => void = () => undefined;
  #resolvePrepared: () => void = () => undefined;
  #resolveFailed: (text: string) => void = () => undefined;

  /** Starts the threads. */
  constructor(options: ThreadPoolOptions) {
    this.#options = options;
    this.#unprepared = options.threads;
    this.prepared = new Promise((resolve) => {
      this.#resolvePrepared = resolve;
    });
    this.failed = new Promise((resolve) => {
      this.#resolveFailed = resolve;
    });
    this.#grow(options.threads);
  }

  /**
   * Has the first threads serve, one for each assignment, and starts those that are missing. One service at a time.
   *
   * @param interrupt wakes whoever sleeps on the queue at this native address
   */
  serve(assignments: readonly ThreadAssignment[], interrupt: (queue: number) => void): PoolService {
    this.#grow(assignments.length);
    const service = new PoolService(assignments.length);
    this.#service = service;
    this.#interrupt = interrupt;
    assignments.forEach((assignment, index) => {
      const thread = this.#threads[index] as Thread;
      thread.queue = undefined;
      Atomics.store(thread.stopWord, 0, 0);
      this.#command(thread, { kind: 'assign', assignment });
    });
    return service;
  }

  /** Tells the serving threads what to run. */
  give(functions: FunctionSource): void {
    this.#serving().forEach((thread) => this.#command(thread, { kind: 'functions', functions }));
  }

  /** Tells the serving threads to stop. True once all have, false after `graceMs`: a function still runs. */
  async stop(graceMs: number): Promise<boolean> {
    const service = this.#service;
    if (service === undefined) {
      return true;
    }
    this.#serving().forEach((thread, index) => {
      Atomics.store(thread.stopWord, 0, 1);
      if (thread.queue !== undefined && !service.hasEnded(index)) {
        this.#interrupt(thread.queue);
      }
      // For a thread whose functions wait for promises: its event loop runs.
      this.#command(thread, { kind: 'stop' });
    });
    return service.allEnded(graceMs);
  }

  #serving(): readonly Thread[] {
    return this.#threads.slice(0, this.#service?.threads ?? 0);
  }

  #command(thread: Thread, command: ThreadCommand): void {
    thread.worker.postMessage(command);
  }

  #grow(threads: number): void {
    while (this.#threads.length < threads) {
      this.#threads.push(this.#start(this.#threads.length));
    }
  }

  #start(index: number): Thread {
    const region: MemoryRegion = this.#options.domain.allocateMemory({
      byteLength: stopWordBytes,
      access: ['local-write'],
    });
    const workerData: ThreadPreparation = {
      ...this.#options.preparation,
      index,
      stopAddress: region.address,
    };
    const worker = new Worker(new URL('./thread-main.js', import.meta.url), { workerData });
    const stopWord = new Uint32Array(region.bytes.buffer, region.bytes.byteOffset, 1);
    const thread: Thread = { worker, stopWord, queue: undefined };
    worker.on('message', (message: ThreadMessage) => this.#onMessage(thread, index, message));
    worker.on('error', (error) => this.#onFailure(index, textOf(error)));
    worker.on('exit', (code) => this.#onFailure(index, `exited with code ${code}`));
    return thread;
  }

  #onMessage(thread: Thread, index: number, message: ThreadMessage): void {
    switch (message.kind) {
      case 'prepared':
        this.#unprepared -= 1;
        if (this.#unprepared === 0) {
          this.#resolvePrepared();
        }
        break;
      case 'loaded':
        this.#service?.loadedBy(index, message.names);
        break;
      case 'load-failed':
        this.#service?.loadFailed(
          index,
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
        this.#onFailure(index, message.text);
        break;
      case 'ended':
        this.#service?.endedBy(index, { kind: 'disconnected' });
        break;
    }
  }

  #onFailure(index: number, problem: string): void {
    const text = `thread ${index}: ${problem}`;
    this.#resolveFailed(text);
    this.#service?.failedBy(index, text);
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? `uncaught ${error.name}: ${error.message}` : `uncaught ${String(error)}`;
}
