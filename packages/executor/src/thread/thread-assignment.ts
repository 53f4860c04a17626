import type { RemoteMemory } from '@rfaas/rdmalib';
import type { ThreadUsage } from '../accounting/usage-meter.ts';
import type { FunctionSource } from '../functions/function-library.ts';

/** Room for the invocations of one thread. */
export interface InvocationMemory {
  readonly slots: number;
  readonly inputBytes: number;
  readonly outputBytes: number;
}

/** What a worker thread is started with, before anybody is served. */
export interface ThreadPreparation extends InvocationMemory {
  readonly index: number;
  readonly managerUrl: string;
  readonly executorId: string;
  /** Shown to the executor manager. */
  readonly managerSecret: string;
  /** Native address of a 32-bit word that is not 0 once the thread shall stop serving. */
  readonly stopAddress: number;
}

/** Whom a worker thread serves. */
export interface ThreadAssignment extends InvocationMemory {
  /** The processor to bind the thread to. */
  readonly cpu: number | undefined;
  readonly allocationId: string;
  /** Shown to the client. */
  readonly secret: string;
  readonly clientUrl: string;
  readonly hotTimeoutMs: number;
  readonly flushMs: number;
  /** The manager's counters of this executor. */
  readonly accounting: RemoteMemory;
  /** Counters stay as they are, and what was made ahead stays for the first client. */
  readonly isRehearsal: boolean;
}

/** What the main thread tells a worker thread. */
export type ThreadCommand =
  | { readonly kind: 'assign'; readonly assignment: ThreadAssignment }
  /** What to run for the client, once it is loaded. */
  | { readonly kind: 'functions'; readonly functions: FunctionSource }
  /** Also said by the stop word, which a thread in native code reads. */
  | { readonly kind: 'stop' };

/** What a worker thread tells the main thread. */
export type ThreadMessage =
  /** Its memory and its connection to the manager are there. */
  | { readonly kind: 'prepared' }
  /** JavaScript packages: what the thread found; native ones: nothing. */
  | { readonly kind: 'loaded'; readonly names: readonly string[] }
  | { readonly kind: 'load-failed'; readonly text: string; readonly syntax: boolean }
  /** Connected; `queue` is the native pointer of the queue that it sleeps on. */
  | { readonly kind: 'serving'; readonly queue: number }
  | { readonly kind: 'usage'; readonly usage: ThreadUsage }
  | { readonly kind: 'failed'; readonly text: string }
  /** Serves nobody any more; ready for another assignment unless its client went away. */
  | { readonly kind: 'ended'; readonly end: 'stopped' | 'disconnected' };
