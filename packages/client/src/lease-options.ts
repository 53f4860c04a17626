import { requireInteger } from './allocate-options.ts';
import type { CompleteLeaseOptions, LeaseOptions } from './lease-provider.ts';

const HOUR_MS = 3_600_000;
const MEMORY_PER_CORE_MIB = 1024;
const MAX_COUNT = 2 ** 32 - 1;

/** Fills in defaults. Throws RFAAS_ERR_USAGE for what cannot be leased, such as no cores. */
export function completeLeaseOptions(options: LeaseOptions): CompleteLeaseOptions {
  const { cores, node = '', gpus = 0, durationMs = HOUR_MS, timeoutMs = 10_000, signal } = options;
  requireInteger('cores', cores, 1, MAX_COUNT, 'a lease has at least one core');
  const memoryMiB = options.memoryMiB ?? cores * MEMORY_PER_CORE_MIB;
  requireInteger('memoryMiB', memoryMiB, 1, MAX_COUNT, 'a lease has at least one MiB');
  requireInteger('durationMs', durationMs, 1, Number.MAX_SAFE_INTEGER, 'milliseconds');
  requireInteger('gpus', gpus, 0, MAX_COUNT, 'a number of GPUs');
  requireInteger('timeoutMs', timeoutMs, 1, 2 ** 31 - 1, 'milliseconds');
  return { cores, memoryMiB, durationMs, node, gpus, timeoutMs, signal };
}
