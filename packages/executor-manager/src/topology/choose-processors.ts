import { placeOf } from './processor-topology.ts';
import type { ProcessorTopology } from './processor-topology.ts';

/** What a choice is made from; a processor that is leased out several times is there as often. */
export interface ProcessorChoice {
  readonly free: readonly number[];
  /** What allocations hold. */
  readonly held: readonly number[];
  readonly topology: ProcessorTopology;
}

/**
 * The processors for an allocation of `count` cores, ascending. Cores that nothing runs on come first, so that two threads
 * that spin share a core only where there are more of them than cores; among equals it stays on one NUMA node, the one that it
 * fills best, and takes the lowest numbers. Throws RangeError where fewer are free.
 */
export function chooseProcessors(count: number, { free, held, topology }: ProcessorChoice): number[] {
  if (count > free.length) {
    throw new RangeError(`${count} processors cannot be chosen of ${free.length} that are free`);
  }
  const loads = new Map<number, number>();
  const coreOf = (cpu: number): number => placeOf(topology, cpu).core;
  const load = (cpu: number): number => loads.get(coreOf(cpu)) ?? 0;
  const put = (cpu: number): void => void loads.set(coreOf(cpu), load(cpu) + 1);
  held.forEach(put);
  const ranks = rankNodes(count, free, load, topology);
  const rank = (cpu: number): number => ranks.get(placeOf(topology, cpu).node) ?? 0;
  const left = [...free];
  const chosen: number[] = [];
  while (chosen.length < count) {
    const best = left.reduce((one, other) => {
      const difference = load(other) - load(one) || rank(other) - rank(one) || other - one;
      return difference < 0 ? other : one;
    });
    left.splice(left.indexOf(best), 1);
    chosen.push(best);
    put(best);
  }
  return chosen.sort((one, other) => one - other);
}

/** NUMA nodes by how well they suit: those with enough idle cores first, the smallest of them; then the largest. */
function rankNodes(
  count: number,
  free: readonly number[],
  load: (cpu: number) => number,
  topology: ProcessorTopology,
): ReadonlyMap<number, number> {
  const idle = new Map<number, Set<number>>();
  for (const cpu of free) {
    const { node, core } = placeOf(topology, cpu);
    const cores = idle.get(node) ?? new Set<number>();
    if (load(cpu) === 0) {
      cores.add(core);
    }
    idle.set(node, cores);
  }
  const nodes = [...idle].map(([node, cores]) => ({ node, size: cores.size }));
  nodes.sort((one, other) => {
    const [oneFits, otherFits] = [one.size >= count, other.size >= count];
    if (oneFits !== otherFits) {
      return oneFits ? -1 : 1;
    }
    return (oneFits ? one.size - other.size : other.size - one.size) || one.node - other.node;
  });
  return new Map(nodes.map(({ node }, index) => [node, index]));
}

/** One processor of each core, the lowest, in the order of `cpus`. */
export function oneOfEachCore(cpus: readonly number[], topology: ProcessorTopology): number[] {
  const seen = new Set<number>();
  return cpus.filter((cpu) => {
    const { core } = placeOf(topology, cpu);
    const isFirst = !seen.has(core);
    seen.add(core);
    return isFirst;
  });
}

/**
 * The processors to lease out where each of `cpus` is leased `ratio` times: first those themselves, then the other hardware
 * threads of their cores among `available`, then all of them again.
 */
export function oversubscribed(
  cpus: readonly number[],
  ratio: number,
  { available, topology }: { readonly available: readonly number[]; readonly topology: ProcessorTopology },
): number[] {
  const cores = new Set(cpus.map((cpu) => placeOf(topology, cpu).core));
  const siblings = available.filter((cpu) => !cpus.includes(cpu) && cores.has(placeOf(topology, cpu).core));
  const all = [...cpus, ...siblings];
  return Array.from({ length: Math.floor(cpus.length * ratio) }, (_, index) => all[index % all.length] ?? 0);
}

/** Cores that several of these processors belong to: threads there share one. */
export function sharedCores(cpus: readonly number[], topology: ProcessorTopology): number[][] {
  const byCore = new Map<number, number[]>();
  for (const cpu of cpus) {
    const { core } = placeOf(topology, cpu);
    byCore.set(core, [...(byCore.get(core) ?? []), cpu]);
  }
  return [...byCore.values()].filter((processors) => processors.length > 1);
}
