import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseProcessorList } from './processor-list.ts';

/** Where a processor is: processors with the same core are hardware threads of one core, and share what it can do. */
export interface ProcessorPlace {
  /** The lowest number of the core's processors. */
  readonly core: number;
  /** The NUMA node. */
  readonly node: number;
}

/** Where each processor of a host is, by its number. */
export type ProcessorTopology = ReadonlyMap<number, ProcessorPlace>;

/**
 * The place of a processor; one that nothing is known of is a core by itself on node 0, as on a host that does not tell.
 */
export function placeOf(topology: ProcessorTopology, cpu: number): ProcessorPlace {
  return topology.get(cpu) ?? { core: cpu, node: 0 };
}

/**
 * Reads where processors are from the kernel (`Documentation/admin-guide/cputopology.rst`): `cpu/cpuN/topology` and
 * `node/nodeN/cpulist` below `root`. What the kernel does not tell is left out, see {@link placeOf}. Throws the file system's error
 * for any but a missing file.
 */
export function readTopology(cpus: readonly number[], root = '/sys/devices/system'): ProcessorTopology {
  const nodes = readNodes(join(root, 'node'));
  const topology = new Map<number, ProcessorPlace>();
  for (const cpu of cpus) {
    const folder = join(root, 'cpu', `cpu${cpu}`, 'topology');
    // Named so since Linux 5.4; the older name is still there.
    const siblings = read(join(folder, 'core_cpus_list')) ?? read(join(folder, 'thread_siblings_list'));
    const core = siblings === undefined ? cpu : Math.min(cpu, ...parseProcessorList(siblings));
    topology.set(cpu, { core, node: nodes.get(cpu) ?? 0 });
  }
  return topology;
}

/** The NUMA node of each processor that is on one. */
function readNodes(folder: string): ReadonlyMap<number, number> {
  const nodes = new Map<number, number>();
  for (const name of list(folder)) {
    const number = /^node(\d+)$/.exec(name)?.[1];
    const cpus = number === undefined ? undefined : read(join(folder, name, 'cpulist'));
    for (const cpu of parseProcessorList(cpus ?? '')) {
      nodes.set(cpu, Number(number));
    }
  }
  return nodes;
}

function list(folder: string): string[] {
  return orMissing(() => readdirSync(folder)) ?? [];
}

function read(file: string): string | undefined {
  return orMissing(() => readFileSync(file, 'utf8'));
}

function orMissing<Result>(action: () => Result): Result | undefined {
  try {
    return action();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}
