import { constrainedMemory } from 'node:process';
import { hostname, totalmem } from 'node:os';
import { RfaasError } from '@rfaas/core';
import type { NodeCapacity } from './claims.ts';

const mebibyte = 1024 * 1024;

/** What a configuration says of a node's cores and memory. */
export interface ResourceSettings {
  /** How many cores, or which processors; default: all. */
  readonly cores: number | readonly number[] | undefined;
  /** Default: all. */
  readonly memoryMiB: number | undefined;
}

/**
 * What a node leases out. `available` are the processors that this process may use. Throws RfaasError
 * `RFAAS_ERR_CONFIGURATION` for processors that are not there.
 */
export function nodeCapacity(
  settings: ResourceSettings,
  available: readonly number[],
  hostMemoryMiB: number,
): NodeCapacity {
  return {
    cpus: processors(settings.cores, available),
    memoryMiB: settings.memoryMiB ?? hostMemoryMiB,
  };
}

function processors(cores: ResourceSettings['cores'], available: readonly number[]): readonly number[] {
  if (cores === undefined) {
    return available;
  }
  if (typeof cores === 'number') {
    if (cores > available.length) {
      throw new RfaasError(
        'RFAAS_ERR_CONFIGURATION',
        `cores: ${cores} are to be leased out, but this process may use ${available.length} processors ` +
          `(${available.join(', ')}); to share processors on purpose, list them: "cores": [0, 0, 1, 1]`,
      );
    }
    return available.slice(0, cores);
  }
  const missing = cores.filter((cpu) => !available.includes(cpu));
  if (missing.length > 0) {
    throw new RfaasError(
      'RFAAS_ERR_CONFIGURATION',
      `cores: processors ${missing.join(', ')} are not there; this process may use ${available.join(', ')}`,
    );
  }
  return cores;
}

/** The processors to lease out where each is leased `ratio` times: 1.5 shares every second one between two. */
export function oversubscribed(cpus: readonly number[], ratio: number): readonly number[] {
  return Array.from(
    { length: Math.floor(cpus.length * ratio) },
    (_, index) => cpus[index % cpus.length] ?? 0,
  );
}

/** The memory of this host, or of the cgroup that this process is in. */
export function hostMemoryMiB(): number {
  const limit = constrainedMemory();
  // 0 and numbers beyond any host mean that there is no limit.
  const bytes = limit > 0 && limit < totalmem() ? limit : totalmem();
  return Math.floor(bytes / mebibyte);
}

/** The name of this node where nobody gave it one. */
export function defaultNodeName(): string {
  return (
    hostname()
      .replace(/[^\w.@+-]/g, '-')
      .slice(0, 64) || 'node'
  );
}
