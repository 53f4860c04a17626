import { formatLabels, RfaasError } from '@rfaas/core';
import { requireInteger } from './allocate-options.ts';
import type { CompleteLeaseOptions, LeaseOptions } from './lease-provider.ts';

const HOUR_MS = 3_600_000;
const MEMORY_PER_CORE_MIB = 1024;
const MAX_COUNT = 2 ** 32 - 1;
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Fills in defaults. Throws RFAAS_ERR_USAGE for what cannot be leased, such as no cores. */
export function completeLeaseOptions(options: LeaseOptions): CompleteLeaseOptions {
  const { node = '', gpus = 0, durationMs = HOUR_MS, timeoutMs = 10_000, signal, renew = true } = options;
  const { labels = {}, within = '', atLeast = 0, queue = { timeoutMs: 0 } } = options;
  const { nodes, cores } = extentOf(options);
  const memoryMiB = options.memoryMiB ?? cores * MEMORY_PER_CORE_MIB;
  requireInteger('memoryMiB', memoryMiB, 1, MAX_COUNT, 'a lease has at least one MiB');
  requireInteger('durationMs', durationMs, 1, Number.MAX_SAFE_INTEGER, 'milliseconds');
  requireInteger('gpus', gpus, 0, MAX_COUNT, 'a number of GPUs');
  requireInteger('timeoutMs', timeoutMs, 1, MAX_TIMER_MS, 'milliseconds');
  requireInteger('queue.timeoutMs', queue.timeoutMs, 0, MAX_TIMER_MS - timeoutMs, 'milliseconds');
  requireAtLeast(atLeast, nodes === 0 ? cores : nodes);
  return {
    nodes,
    cores,
    memoryMiB,
    gpus,
    atLeast,
    durationMs,
    renew,
    queueMs: queue.timeoutMs,
    onPosition: queue.onPosition,
    node,
    labels: formatLabels(labels),
    within,
    timeoutMs,
    signal,
  };
}

function requireAtLeast(atLeast: number, all: number): void {
  requireInteger('atLeast', atLeast, 0, all, `at most the ${all} that are asked for`);
}

function extentOf({ cores, nodes, coresPerNode }: LeaseOptions): {
  readonly nodes: number;
  readonly cores: number;
} {
  if (
    (nodes === undefined) !== (coresPerNode === undefined) ||
    (nodes === undefined) === (cores === undefined)
  ) {
    throw new RfaasError('RFAAS_ERR_USAGE', 'a lease needs either cores, or nodes and coresPerNode');
  }
  if (nodes !== undefined) requireInteger('nodes', nodes, 1, MAX_COUNT, 'a lease has at least one node');
  const count = cores ?? coresPerNode ?? 0;
  const name = cores === undefined ? 'coresPerNode' : 'cores';
  requireInteger(name, count, 1, MAX_COUNT, 'a lease has at least one core');
  return { nodes: nodes ?? 0, cores: count };
}
