import type { Element, OrderedForest, Root } from '../ordering/ordered-forest.ts';
import { NodeView } from './node-view.ts';
import type { Resources } from './resources.ts';
import type { SpaceNode } from './space-node.ts';

/** The nodes with the same value of a label. */
export interface Domain {
  readonly number: number;
  /** The value; `undefined` for the nodes without that label. */
  readonly value: string | undefined;
  readonly view: NodeView;
}

/**
 * Nodes by the value of a label. The domains are ordered by the cores that they have room for, then by memory; those with
 * free GPUs also by these, then by cores.
 */
export class DomainPartition {
  readonly #forest: OrderedForest;
  readonly #label: string;
  readonly #byValue = new Map<string | undefined, Domain>();
  readonly #byNumber = new Map<number, Domain>();
  #byCores: Root = 0;
  #byGpus: Root = 0;
  #count = 0;

  constructor(forest: OrderedForest, label: string) {
    this.#forest = forest;
    this.#label = label;
  }

  add(node: SpaceNode): void {
    const domain = this.#domain(node);
    this.#leaveOrders(domain);
    domain.view.add(node.number, node.tier, node.room);
    this.#enterOrders(domain);
  }

  remove(node: SpaceNode): void {
    const domain = this.#domain(node);
    this.#leaveOrders(domain);
    domain.view.remove(node.number, node.tier, node.room);
    this.#enterOrders(domain);
    if (domain.view.nodes === 0) {
      this.#byValue.delete(domain.value);
      this.#byNumber.delete(domain.number);
    }
  }

  /** A node that is in has another room now. */
  resize(node: SpaceNode, room: Resources): void {
    const domain = this.#domain(node);
    this.#leaveOrders(domain);
    domain.view.remove(node.number, node.tier, node.room);
    domain.view.add(node.number, node.tier, room);
    this.#enterOrders(domain);
  }

  /** The domains with room for all of this together, those with the fewest GPUs, if such are wanted, or cores first. */
  *ascending({ cores, memoryMiB, gpus }: Resources): Iterable<Domain> {
    const forest = this.#forest;
    const [root, first, second] =
      gpus === 0 ? [this.#byCores, cores, memoryMiB] : [this.#byGpus, gpus, cores];
    for (let element = forest.lowest(root, first, second); element !== 0;) {
      yield this.#at(element);
      element = forest.after(root, forest.first(element), forest.second(element), forest.id(element), second);
    }
  }

  /** All domains, or those that have free GPUs if such are wanted, those with the most GPUs or cores first. */
  *descending({ gpus }: Resources): Iterable<Domain> {
    const forest = this.#forest;
    const root = gpus === 0 ? this.#byCores : this.#byGpus;
    for (let element = forest.highest(root); element !== 0;) {
      yield this.#at(element);
      element = forest.before(root, forest.first(element), forest.second(element), forest.id(element));
    }
  }

  clear(): void {
    for (const { view } of this.#byNumber.values()) {
      view.clear();
    }
    this.#forest.clear(this.#byCores);
    this.#forest.clear(this.#byGpus);
    this.#byCores = this.#byGpus = 0;
    this.#byValue.clear();
    this.#byNumber.clear();
  }

  #at(element: Element): Domain {
    return this.#byNumber.get(this.#forest.id(element)) as Domain;
  }

  #domain({ labels }: SpaceNode): Domain {
    const value = labels[this.#label];
    let domain = this.#byValue.get(value);
    if (domain === undefined) {
      this.#count += 1;
      domain = { number: this.#count, value, view: new NodeView(this.#forest) };
      this.#byValue.set(value, domain);
      this.#byNumber.set(domain.number, domain);
    }
    return domain;
  }

  /** A domain without nodes is in neither order. */
  #leaveOrders({ number, view }: Domain): void {
    if (view.nodes > 0) {
      this.#byCores = this.#forest.remove(this.#byCores, view.cores, view.memoryMiB, number);
    }
    if (view.gpus > 0) {
      this.#byGpus = this.#forest.remove(this.#byGpus, view.gpus, view.cores, number);
    }
  }

  #enterOrders({ number, view }: Domain): void {
    if (view.nodes > 0) {
      this.#byCores = this.#forest.insert(this.#byCores, view.cores, view.memoryMiB, number);
    }
    if (view.gpus > 0) {
      this.#byGpus = this.#forest.insert(this.#byGpus, view.gpus, view.cores, number);
    }
  }
}
