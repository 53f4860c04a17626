import type { Element, OrderedForest } from '../ordering/ordered-forest.ts';
import type { NodeGroup } from './node-view.ts';
import type { Random } from './random.ts';
import type { Resources } from './resources.ts';

/** A node in some group. */
export interface FoundNode {
  readonly number: number;
  readonly room: Resources;
}

/** How many nodes are drawn until a search in order from the last one ends the luck. */
const MAX_DRAWS = 8;

/** Finds nodes in groups of one tier, never one that was found and used before. */
export class NodeCursor {
  readonly #forest: OrderedForest;
  readonly #groups: readonly NodeGroup[];
  /** What a node must have to be of any use. */
  readonly #least: Resources;
  readonly #used: Set<number>;
  /** The last node of each group that {@link emptiest} has not looked at yet. */
  #heads: Element[] | undefined;
  /** How many nodes of each group have enough cores: {@link any} draws among those. */
  #counts: readonly number[] | undefined;

  constructor(forest: OrderedForest, groups: readonly NodeGroup[], least: Resources, used: Set<number>) {
    this.#forest = forest;
    this.#groups = groups;
    this.#least = least;
    this.#used = used;
  }

  /** The node with the fewest GPUs, then cores, then memory among those that have all of this. */
  tightest({ cores, memoryMiB, gpus }: Resources): FoundNode | undefined {
    for (const group of this.#groups) {
      if (group.gpus >= gpus) {
        const element = this.#unusedFrom(group, this.#forest.lowest(group.root, cores, memoryMiB), memoryMiB);
        if (element !== 0) {
          return this.#found(group, element);
        }
      }
    }
    return undefined;
  }

  /** The nodes of use, in the order of {@link tightest}. */
  *ascending(): Iterable<FoundNode> {
    const forest = this.#forest;
    const { cores, memoryMiB } = this.#least;
    for (const group of this.#groups) {
      for (let element = forest.lowest(group.root, cores, memoryMiB); element !== 0;) {
        if (!this.#used.has(forest.id(element))) {
          yield this.#found(group, element);
        }
        element = this.#next(group, element, memoryMiB);
      }
    }
  }

  /** The node of use with the most cores, then the fewest GPUs, then the most memory. It is not found again. */
  emptiest(): FoundNode | undefined {
    const heads = this.#lastOfGroups();
    for (;;) {
      let best = 0;
      for (let i = 1; i < heads.length; i += 1) {
        best = this.#cores(heads[i]) > this.#cores(heads[best]) ? i : best;
      }
      const head = heads[best];
      const group = this.#groups[best];
      if (head === undefined || group === undefined || this.#cores(head) < this.#least.cores) {
        return undefined;
      }
      heads[best] = this.#previous(group, head);
      if (!this.#used.has(this.#forest.id(head))) {
        return this.#found(group, head);
      }
    }
  }

  /** No fewer cores than {@link emptiest} can still come up with. */
  mostCores(): number {
    return this.#lastOfGroups().reduce((most, head) => Math.max(most, this.#cores(head)), 0);
  }

  /** Any node that is of use. */
  any(random: Random): FoundNode | undefined {
    const forest = this.#forest;
    const { cores, memoryMiB } = this.#least;
    // The nodes do not change while a request is placed, so this is counted once however many shares it has.
    const counts = (this.#counts ??= this.#groups.map(
      ({ root }) => forest.size(root) - forest.rank(root, cores),
    ));
    const total = counts.reduce((sum, count) => sum + count, 0);
    for (let draw = 1; total > 0; draw += 1) {
      let rank = Math.floor(random() * total);
      const at = counts.findIndex((count) => (rank -= count) < 0);
      const group = this.#groups[at] as NodeGroup;
      const element = forest.at(group.root, forest.size(group.root) + rank);
      if (forest.second(element) >= memoryMiB && !this.#used.has(forest.id(element))) {
        return this.#found(group, element);
      }
      if (draw === MAX_DRAWS) {
        return this.#anyFrom(at, element);
      }
    }
    return undefined;
  }

  /** The next node of use behind `element`, in a circle over all groups. */
  #anyFrom(at: number, element: Element): FoundNode | undefined {
    const { cores, memoryMiB } = this.#least;
    const behind = [...this.#groups.slice(at), ...this.#groups.slice(0, at + 1)];
    for (const [i, group] of behind.entries()) {
      const start = i === 0 ? element : this.#forest.lowest(group.root, cores, memoryMiB);
      const found = this.#unusedFrom(group, start, memoryMiB);
      if (found !== 0) {
        return this.#found(group, found);
      }
    }
    return undefined;
  }

  #unusedFrom(group: NodeGroup, start: Element, memoryMiB: number): Element {
    const forest = this.#forest;
    let element = start;
    while (element !== 0 && (this.#used.has(forest.id(element)) || forest.second(element) < memoryMiB)) {
      element = this.#next(group, element, memoryMiB);
    }
    return element;
  }

  #next({ root }: NodeGroup, element: Element, memoryMiB: number): Element {
    const forest = this.#forest;
    return forest.after(root, forest.first(element), forest.second(element), forest.id(element), memoryMiB);
  }

  #previous({ root }: NodeGroup, element: Element): Element {
    const forest = this.#forest;
    const key = [forest.first(element), forest.second(element), forest.id(element)] as const;
    return forest.before(root, ...key, this.#least.memoryMiB);
  }

  #lastOfGroups(): Element[] {
    this.#heads ??= this.#groups.map(({ root }) => this.#forest.highest(root, this.#least.memoryMiB));
    return this.#heads;
  }

  /** Cores of an element; less than none of one that is not there. */
  #cores(element: Element | undefined): number {
    return element === undefined || element === 0 ? -1 : this.#forest.first(element);
  }

  #found({ gpus }: NodeGroup, element: Element): FoundNode {
    const forest = this.#forest;
    const room = { cores: forest.first(element), memoryMiB: forest.second(element), gpus };
    return { number: forest.id(element), room };
  }
}
