import { OrderedForest } from '../ordering/ordered-forest.ts';
import { DomainPartition } from './domain-partition.ts';
import { NodeView, type Tier } from './node-view.ts';
import type { Labels } from './placement-request.ts';
import type { Resources } from './resources.ts';
import type { SpaceNode } from './space-node.ts';

/** The nodes that have certain labels, whole and by domains. */
export interface Selection {
  readonly labels: Labels;
  readonly view: NodeView;
  /** By the label that separates the domains. */
  readonly partitions: Map<string, DomainPartition>;
}

interface Member extends SpaceNode {
  room: Resources;
  /** The selections that it belongs to. */
  readonly selections: Selection[];
}

/** How many selections by labels are kept up to date; the one that was not asked for longest makes place for a new one. */
const MAX_SELECTIONS = 64;

/**
 * Nodes that take leases, found by room and labels. Selections by labels, and domains within them, are made when they are
 * first asked for, in time linear in the number of nodes, and kept up to date from then on.
 */
export class NodeSpace {
  readonly forest = new OrderedForest();
  readonly #nodes = new Map<number, Member>();
  readonly #all: Selection = { labels: {}, view: new NodeView(this.forest), partitions: new Map() };
  /** By their labels in words, the one that was not asked for longest first. */
  readonly #selections = new Map<string, Selection>();
  /** How many nodes have a label, and how many have it with a value (`key=value`). */
  readonly #labelCounts = new Map<string, number>();

  get size(): number {
    return this.#nodes.size;
  }

  node(number: number): SpaceNode | undefined {
    return this.#nodes.get(number);
  }

  add(name: string, number: number, tier: Tier, labels: Labels, room: Resources): void {
    const selections = [this.#all, ...this.#selections.values()].filter((each) =>
      includes(each.labels, labels),
    );
    const node: Member = { name, number, tier, labels, room, selections };
    this.#nodes.set(number, node);
    this.#countLabels(labels, 1);
    for (const selection of node.selections) {
      addTo(selection, node);
    }
  }

  /** Takes a node out, if it is in. */
  remove(number: number): void {
    const node = this.#nodes.get(number);
    if (node !== undefined) {
      this.#nodes.delete(number);
      this.#countLabels(node.labels, -1);
      for (const selection of node.selections) {
        removeFrom(selection, node);
      }
    }
  }

  /** A node has another room now. Nodes that are not in are ignored. */
  resize(number: number, room: Resources): void {
    const node = this.#nodes.get(number);
    if (node !== undefined) {
      for (const { view, partitions } of node.selections) {
        view.remove(number, node.tier, node.room);
        view.add(number, node.tier, room);
        for (const partition of partitions.values()) {
          partition.resize(node, room);
        }
      }
      node.room = room;
    }
  }

  /** The nodes that have all these labels; `undefined` if there are none for one of them. */
  select(labels: Labels): Selection | undefined {
    const pairs = Object.entries(labels).map(([key, value]) => pairName(key, value));
    if (pairs.length === 0) {
      return this.#all;
    }
    if (pairs.some((pair) => !this.#labelCounts.has(pair))) {
      return undefined;
    }
    const name = pairs.sort().join('\n');
    const known = this.#selections.get(name);
    const selection = known ?? this.#makeSelection(labels);
    this.#selections.delete(name);
    this.#selections.set(name, selection);
    return selection;
  }

  /** The domains of a selection by the value of a label; `undefined` if no node has that label. */
  domains(selection: Selection, label: string): DomainPartition | undefined {
    const known = selection.partitions.get(label);
    if (known !== undefined || !this.#labelCounts.has(label)) {
      return known;
    }
    const partition = new DomainPartition(this.forest, label);
    for (const number of selection.view.members()) {
      partition.add(this.#nodes.get(number) as SpaceNode);
    }
    selection.partitions.set(label, partition);
    return partition;
  }

  #makeSelection(labels: Labels): Selection {
    const [oldest] = this.#selections;
    if (oldest !== undefined && this.#selections.size === MAX_SELECTIONS) {
      this.#forget(...oldest);
    }
    const selection: Selection = { labels, view: new NodeView(this.forest), partitions: new Map() };
    for (const node of this.#nodes.values()) {
      if (includes(labels, node.labels)) {
        node.selections.push(selection);
        addTo(selection, node);
      }
    }
    return selection;
  }

  #forget(name: string, selection: Selection): void {
    this.#selections.delete(name);
    for (const number of selection.view.members()) {
      const { selections } = this.#nodes.get(number) as Member;
      selections.splice(selections.indexOf(selection), 1);
    }
    selection.view.clear();
    for (const partition of selection.partitions.values()) {
      partition.clear();
    }
  }

  #countLabels(labels: Labels, sign: 1 | -1): void {
    for (const [key, value] of Object.entries(labels)) {
      for (const name of [key, pairName(key, value)]) {
        const count = (this.#labelCounts.get(name) ?? 0) + sign;
        if (count === 0) {
          this.#labelCounts.delete(name);
        } else {
          this.#labelCounts.set(name, count);
        }
      }
    }
  }
}

function addTo({ view, partitions }: Selection, node: SpaceNode): void {
  view.add(node.number, node.tier, node.room);
  for (const partition of partitions.values()) {
    partition.add(node);
  }
}

function removeFrom({ view, partitions }: Selection, node: SpaceNode): void {
  view.remove(node.number, node.tier, node.room);
  for (const partition of partitions.values()) {
    partition.remove(node);
  }
}

function includes(required: Labels, labels: Labels): boolean {
  return Object.entries(required).every(([key, value]) => labels[key] === value);
}

/** Unambiguous, whatever is in a key or a value, and never the name of a key alone. */
function pairName(key: string, value: string): string {
  return JSON.stringify([key, value]);
}
