import { WorkFailedError } from '../errors.ts';

/** What a finished request was. */
export type WorkCompletionOpcode =
  'send' | 'write' | 'read' | 'fetch-add' | 'compare-swap' | 'receive' | 'receive-write-immediate';

/** How a request ended. */
export type WorkCompletionStatus =
  | 'success'
  | 'local-length-error'
  | 'local-protection-error'
  | 'remote-access-error'
  | 'remote-operation-error'
  | 'receiver-not-ready'
  | 'retry-exceeded'
  | 'flushed'
  | 'other-error';

/** Reused storage for a burst of completions: reading one allocates nothing. Made by `createCompletionBatch`. */
export interface WorkCompletionBatch {
  /** How many completions fit. */
  readonly capacity: number;
  /** How many completions it holds; a queue sets it. */
  length: number;
  /** The completions as native code writes them, eight words each (`struct shim_completion`). */
  readonly words: Uint32Array;
  /** Whose request it was: Endpoint.id. */
  endpointId(index: number): number;
  /** What the request was. */
  opcode(index: number): WorkCompletionOpcode;
  /** How it ended. */
  status(index: number): WorkCompletionStatus;
  /** What the work request was posted with; 0 for an empty receive. */
  wrId(index: number): number;
  /** Whether the peer sent an immediate with it. */
  hasImmediate(index: number): boolean;
  /** That immediate, 32 bits unsigned; meaningless without one. */
  immediate(index: number): number;
  /** Bytes received or written by the peer. Meaningless on the sending side. */
  byteLength(index: number): number;
  /** Provider errno for a failed completion, for logs only. */
  providerError(index: number): number;
  /** One completion as a plain object, for control-plane code and tests. */
  at(index: number): WorkCompletion;
}

/** One finished request. */
export interface WorkCompletion {
  /** Whose request it was: Endpoint.id. */
  readonly endpointId: number;
  /** What the request was. */
  readonly opcode: WorkCompletionOpcode;
  /** How it ended. */
  readonly status: WorkCompletionStatus;
  /** What the request was posted with; 0 for an empty receive. */
  readonly wrId: number;
  /** What the peer sent with it, 32 bits unsigned; `undefined` where it sent none. */
  readonly immediate: number | undefined;
  /** Bytes received or written by the peer. Meaningless on the sending side. */
  readonly byteLength: number;
  /** Provider errno for a failed completion, for logs only. */
  readonly providerError: number;
}

/** Returns a completion that succeeded; throws WorkFailedError for any other. */
export function requireSuccess(completion: WorkCompletion): WorkCompletion {
  if (completion.status !== 'success') {
    throw new WorkFailedError(completion);
  }
  return completion;
}
