import type { RemoteMemory } from '@rfaas/rdmalib';
import type { ThreadUsage } from '../accounting/usage-meter.ts';
import type { FunctionSource } from '../functions/function-library.ts';

/** What a worker thread is started with. */
export interface ThreadAssignment {
  readonly index: number;
  /** The processor to bind the thread to. */
  readonly cpu: number | undefined;
  readonly allocationId: string;
  /** Shown to the client. */
  readonly secret: string;
  /** Shown to the executor manager. */
  readonly managerSecret: string;
  readonly clientUrl: string;
  readonly managerUrl: string;
  readonly hotTimeoutMs: number;
  readonly slots: number;
  readonly inputBytes: number;
  readonly outputBytes: number;
  readonly flushMs: number;
  /** The manager's counters of this allocation. */
  readonly accounting: RemoteMemory;
  /** Native address of a 32-bit word that is not 0 once the thread shall stop. */
  readonly stopAddress: number;
  readonly functions: FunctionSource;
}

/** What a worker thread tells the main thread. */
export type ThreadMessage =
  /** JavaScript packages: what the thread found; native ones: nothing. */
  | { readonly kind: 'loaded'; readonly names: readonly string[] }
  | { readonly kind: 'load-failed'; readonly text: string; readonly syntax: boolean }
  /** Connected; `queue` is the native pointer of the queue that it sleeps on. */
  | { readonly kind: 'serving'; readonly queue: number }
  | { readonly kind: 'usage'; readonly usage: ThreadUsage }
  | { readonly kind: 'failed'; readonly text: string }
  | { readonly kind: 'ended'; readonly end: 'stopped' | 'disconnected' };
