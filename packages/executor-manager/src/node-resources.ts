import { constrainedMemory } from 'node:process';
import { hostname, totalmem } from 'node:os';
import { RfaasError } from '@rfaas/core';
import type { NodeCapacity } from './claims.ts';
import { oneOfEachCore } from './topology/choose-processors.ts';
import type { ProcessorTopology } from './topology/processor-topology.ts';

const mebibyte = 1024 * 1024;

/** What a configuration says of a node's cores and memory. */
export interface ResourceSettings {
  /** How many cores, or which processors; default: all that this process may use at once. */
  readonly cores: number | readonly number[] | undefined;
  /** Default: all. */
  readonly memoryMiB: number | undefined;
}

/** The processors of a host, as far as this process is concerned. */
export interface HostProcessors {
  /** Those that it may run on, ascending. */
  readonly available: readonly number[];
  readonly topology: ProcessorTopology;
  /** How many of them its control groups let it use at once. */
  readonly quota: number;
}

/**
 * What a node leases out: of every core one processor, since two threads that spin on one core take turns there. Where the
 * configuration names the processors they are taken as they are named, and where it oversubscribes the other hardware threads
 * are leased out, too, and then cores several times.
 *
 * Throws RfaasError `RFAAS_ERR_CONFIGURATION` for processors that are not there.
 */
export function nodeCapacity(
  settings: ResourceSettings,
  host: HostProcessors,
  hostMemoryMiB: number,
): NodeCapacity {
  return {
    cpus: processors(settings.cores, host),
    memoryMiB: settings.memoryMiB ?? hostMemoryMiB,
    topology: host.topology,
  };
}

function processors(cores: ResourceSettings['cores'], host: HostProcessors): readonly number[] {
  const { available, topology, quota } = host;
  const whole = oneOfEachCore(available, topology);
  if (cores === undefined) {
    return whole.slice(0, Math.max(1, Math.floor(quota)));
  }
  if (typeof cores === 'number') {
    if (cores > whole.length) {
      throw new RfaasError(
        'RFAAS_ERR_CONFIGURATION',
        `cores: ${cores} are to be leased out, but this process may use ${available.length} processors ` +
          `(${available.join(', ')}) of ${whole.length} cores; to share cores on purpose, set "oversubscription", or list ` +
          'processors: "cores": [0, 0, 1, 1]',
      );
    }
    return whole.slice(0, cores);
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
