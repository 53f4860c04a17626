import type { OrderedForest, Root } from '../ordering/ordered-forest.ts';
import type { Resources } from './resources.ts';

/** The order in which nodes take leases: all open nodes are asked before those in reserve. */
export type Tier = 0 | 1;
export const tiers: readonly Tier[] = [0, 1];

/** The nodes of one tier with the same number of GPUs, ordered by cores, then memory, then number. */
export interface NodeGroup {
  readonly gpus: number;
  root: Root;
}

/**
 * Some nodes by what room they have. Nodes are numbers here. They are kept in groups by GPUs, so that a question about
 * cores, memory and GPUs is one search for each number of GPUs that a node can have, logarithmic in the number of nodes.
 */
export class NodeView {
  readonly #forest: OrderedForest;
  readonly #groups: readonly [NodeGroup[], NodeGroup[]] = [[], []];
  #nodes = 0;
  #cores = 0;
  #memoryMiB = 0;
  #gpus = 0;

  constructor(forest: OrderedForest) {
    this.#forest = forest;
  }

  get nodes(): number {
    return this.#nodes;
  }

  /** Room of all nodes together. */
  get cores(): number {
    return this.#cores;
  }

  /** Room of all nodes together. */
  get memoryMiB(): number {
    return this.#memoryMiB;
  }

  /** Room of all nodes together. */
  get gpus(): number {
    return this.#gpus;
  }

  add(node: number, tier: Tier, room: Resources): void {
    const group = this.#group(tier, room.gpus);
    group.root = this.#forest.insert(group.root, room.cores, room.memoryMiB, node);
    this.#count(room, 1);
  }

  /** Takes a node out that was added with the same tier and room. @throws RangeError if it was not */
  remove(node: number, tier: Tier, room: Resources): void {
    const group = this.#group(tier, room.gpus);
    group.root = this.#forest.remove(group.root, room.cores, room.memoryMiB, node);
    this.#count(room, -1);
  }

  /** The groups of a tier whose nodes have at least so many GPUs, those with the fewest first. */
  groups(tier: Tier, gpus: number): readonly NodeGroup[] {
    const all = this.#groups[tier];
    return gpus === 0 ? all : all.filter((group) => group.gpus >= gpus);
  }

  /** The most cores on one node with so much memory and so many GPUs; 0 if there is none. */
  mostCores(memoryMiB: number, gpus: number): number {
    let most = 0;
    for (const tier of tiers) {
      for (const { root } of this.groups(tier, gpus)) {
        const element = this.#forest.highest(root, memoryMiB);
        most = element === 0 ? most : Math.max(most, this.#forest.first(element));
      }
    }
    return most;
  }

  /** How many nodes have so many cores and GPUs. */
  count({ cores, gpus }: Resources): number {
    let count = 0;
    for (const tier of tiers) {
      for (const { root } of this.groups(tier, gpus)) {
        count += this.#forest.size(root) - this.#forest.rank(root, cores);
      }
    }
    return count;
  }

  /** All nodes, in no particular order. */
  *members(): Iterable<number> {
    for (const { root } of this.#groups.flat()) {
      yield* this.#forest.ids(root);
    }
  }

  /** Takes all nodes out. */
  clear(): void {
    for (const group of this.#groups.flat()) {
      this.#forest.clear(group.root);
      group.root = 0;
    }
    this.#nodes = this.#cores = this.#memoryMiB = this.#gpus = 0;
  }

  #group(tier: Tier, gpus: number): NodeGroup {
    const groups = this.#groups[tier];
    const at = groups.findIndex((group) => group.gpus >= gpus);
    const found = groups[at];
    if (found?.gpus === gpus) {
      return found;
    }
    const group = { gpus, root: 0 };
    groups.splice(at === -1 ? groups.length : at, 0, group);
    return group;
  }

  #count(room: Resources, sign: 1 | -1): void {
    this.#nodes += sign;
    this.#cores += sign * room.cores;
    this.#memoryMiB += sign * room.memoryMiB;
    this.#gpus += sign * room.gpus;
  }
}
