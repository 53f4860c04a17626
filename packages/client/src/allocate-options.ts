import { defaultInvocationMemory, RfaasError } from '@rfaas/core';
import { isSlotCount } from './invocation-table.ts';
import { DEFAULT_SPIN_MICROSECONDS } from './completion-pump.ts';

/**
 * What has happened to an allocation: the manager has taken it (`submitted`), its executor runs and has connected
 * (`spawned`). When `allocate` resolves, everything is loaded and every thread is ready.
 */
export type AllocationStep = 'submitted' | 'spawned';

/** How an executor shall be allocated. */
export interface AllocateOptions {
  /** Worker threads, one for each core. Default: all cores of the lease. */
  readonly cores?: number | undefined;
  /** How long a thread spins without work before it sleeps: milliseconds, -1 for ever, 0 not at all. Default 1000. */
  readonly hotTimeout?: number | undefined;
  /** Invocations in flight on a thread: a power of two, at most 64. Default 8. */
  readonly slots?: number | undefined;
  /** Largest input of one invocation in bytes. Default 1 MiB. */
  readonly inputBytes?: number | undefined;
  /** Largest output of one invocation that brings no output buffer, in bytes. Default 1 MiB. */
  readonly outputBytes?: number | undefined;
  /** How long an asynchronous wait spins before it goes to the event loop, in microseconds. Default 50. */
  readonly spinMicroseconds?: number | undefined;
  /** How long starting, connecting and loading may take. Default 30000. */
  readonly timeoutMs?: number | undefined;
  /** Gives up the allocation. */
  readonly signal?: AbortSignal | undefined;
  /** Hears how far the allocation is. */
  readonly onStep?: ((step: AllocationStep) => void) | undefined;
}

/** {@link AllocateOptions} with every default filled in, and checked. */
export interface CompleteAllocateOptions {
  readonly cores: number;
  readonly hotTimeoutMs: number;
  readonly slots: number;
  readonly inputBytes: number;
  readonly outputBytes: number;
  readonly spinMicroseconds: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly onStep: (step: AllocationStep) => void;
}

/** Lengths travel in 32 bits. */
const MAX_BYTES = 2 ** 32 - 4096;
const MAX_HOT_TIMEOUT = 2 ** 31 - 1;

/** Fills in defaults for a lease of `leaseCores` cores. Throws RFAAS_ERR_USAGE for what cannot be. */
export function completeAllocateOptions(
  options: AllocateOptions,
  leaseCores: number,
): CompleteAllocateOptions {
  const cores = options.cores ?? leaseCores;
  const slots = options.slots ?? defaultInvocationMemory.slots;
  const hotTimeoutMs = options.hotTimeout ?? 1000;
  requireInteger('cores', cores, 1, leaseCores, `the lease has ${leaseCores}`);
  if (!isSlotCount(slots)) throw wrong('slots', slots, 'it must be a power of two, at most 64');
  requireInteger('hotTimeout', hotTimeoutMs, -1, MAX_HOT_TIMEOUT, 'milliseconds, -1 for ever, 0 not at all');
  const inputBytes = options.inputBytes ?? defaultInvocationMemory.inputBytes;
  const outputBytes = options.outputBytes ?? defaultInvocationMemory.outputBytes;
  requireInteger('inputBytes', inputBytes, 0, MAX_BYTES, 'bytes, below 4 GiB');
  requireInteger('outputBytes', outputBytes, 0, MAX_BYTES, 'bytes, below 4 GiB');
  const spinMicroseconds = options.spinMicroseconds ?? DEFAULT_SPIN_MICROSECONDS;
  requireInteger('spinMicroseconds', spinMicroseconds, 0, 1_000_000, 'microseconds, at most a second');
  const timeoutMs = options.timeoutMs ?? 30_000;
  requireInteger('timeoutMs', timeoutMs, 1, MAX_HOT_TIMEOUT, 'milliseconds');
  const { signal, onStep = () => undefined } = options;
  return { cores, hotTimeoutMs, slots, inputBytes, outputBytes, spinMicroseconds, timeoutMs, signal, onStep };
}

/** Throws RFAAS_ERR_USAGE unless `value` is an integer within the bounds. */
export function requireInteger(name: string, value: number, least: number, most: number, hint: string): void {
  if (!Number.isInteger(value) || value < least || value > most) throw wrong(name, value, hint);
}

function wrong(name: string, value: number, hint: string): RfaasError {
  return new RfaasError('RFAAS_ERR_USAGE', `${name} cannot be ${value}: ${hint}`, {
    details: { option: name },
  });
}
