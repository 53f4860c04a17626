import { NodeSearch, type Placed } from './node-search.ts';
import { NodeSpace } from './node-space.ts';
import type { PlacementDecision, PlacementRefusal, RefusalReason, Share } from './placement-decision.ts';
import { capacityOf, type PlacementNode } from './placement-node.ts';
import type { PlacementPolicy } from './placement-policy.ts';
import { memoryOfParts, partsOn, type PlacementRequest } from './placement-request.ts';
import type { Random } from './random.ts';
import { refusalText } from './refusal-text.ts';
import { covers, noResources, remainder, type Resources } from './resources.ts';

/** What a placement index is made with. */
export interface PlacementOptions {
  readonly policy: PlacementPolicy;
  /** The most nodes of one lease; default 256. */
  readonly maxShares?: number;
}

interface Entry {
  readonly number: number;
  node: PlacementNode | undefined;
  capacity: Resources;
  taken: Resources;
}

/**
 * The nodes of a cluster, what leases take of each, and the choice of nodes for a request. Pure: the same calls with the
 * same random numbers give the same decisions. A decision takes time logarithmic in the number of nodes, and proportional
 * to the number of shares.
 */
export class PlacementIndex {
  readonly #policy: PlacementPolicy;
  readonly #maxShares: number;
  readonly #entries = new Map<string, Entry>();
  /** The nodes that take leases, with what is free and with what there is. */
  readonly #free = new NodeSpace();
  readonly #whole = new NodeSpace();
  #count = 0;

  constructor({ policy, maxShares = 256 }: PlacementOptions) {
    this.#policy = policy;
    this.#maxShares = maxShares;
  }

  /** Adds a node, or replaces what is known of it. What leases take of it stays. @throws RangeError, see {@link capacityOf} */
  put(node: PlacementNode): void {
    const capacity = capacityOf(node);
    const entry = this.#entry(node.name);
    this.#close(entry);
    entry.node = node;
    entry.capacity = capacity;
    const { name, labels = {}, admission = 'open' } = node;
    if (admission !== 'closed') {
      const tier = admission === 'open' ? 0 : 1;
      this.#whole.add(name, entry.number, tier, labels, capacity);
      this.#free.add(name, entry.number, tier, labels, remainder(capacity, entry.taken));
    }
  }

  /** Forgets a node. What leases take of it stays known until it is given back. */
  remove(name: string): void {
    const entry = this.#entries.get(name);
    if (entry !== undefined) {
      this.#close(entry);
      entry.node = undefined;
      entry.capacity = noResources;
      this.#forgetIfEmpty(name, entry);
    }
  }

  /** Chooses nodes for a request. Takes nothing: that is {@link take}, with no other call in between. */
  place(request: PlacementRequest, random: Random): PlacementDecision {
    const placed = this.#search(this.#free, request, this.#policy, random);
    return placed.parts >= request.atLeast
      ? { ok: true, shares: this.#shares(request, placed) }
      : this.#refuse(request, placed, random);
  }

  /**
   * Counts shares as taken, even where more is taken than there is: leases of an earlier start are known before their
   * nodes are.
   */
  take(shares: readonly Share[]): void {
    for (const share of shares) {
      this.#change(this.#entry(share.node), share, 1);
    }
  }

  /** Counts shares as free again. @throws RangeError if more is given back than was taken; nothing has changed then */
  giveBack(shares: readonly Share[]): void {
    for (const share of shares) {
      if (!covers(this.taken(share.node), share)) {
        throw new RangeError(`more is given back of node "${share.node}" than was taken`);
      }
    }
    for (const share of shares) {
      const entry = this.#entry(share.node);
      this.#change(entry, share, -1);
      this.#forgetIfEmpty(share.node, entry);
    }
  }

  /** What leases take of a node, also of one that was removed. */
  taken(name: string): Resources {
    return this.#entries.get(name)?.taken ?? noResources;
  }

  /** What leases may still take of a node, whether or not it is open: nothing of one that is not there. */
  free(name: string): Resources {
    const entry = this.#entries.get(name);
    return entry === undefined ? noResources : remainder(entry.capacity, entry.taken);
  }

  /** The most cores that are free on one node that takes leases. */
  mostFreeCores(): number {
    return this.#free.select({})?.view.mostCores(0, 0) ?? 0;
  }

  #search(space: NodeSpace, request: PlacementRequest, policy: PlacementPolicy, random: Random): Placed {
    if (request.node !== undefined) {
      return onNamedNode(space, request, this.#entries.get(request.node)?.number);
    }
    const selection = space.select(request.labels);
    return selection === undefined
      ? { nodes: [], parts: 0 }
      : new NodeSearch(space, request, policy, this.#maxShares, random).among(selection);
  }

  #shares(request: PlacementRequest, { nodes }: Placed): readonly Share[] {
    return nodes.map(({ node, parts }) => ({
      node: this.#free.node(node)?.name ?? '',
      cores: parts * request.coresPerPart,
      memoryMiB: memoryOfParts(request, parts),
      gpus: parts * request.gpusPerPart,
    }));
  }

  #refuse(request: PlacementRequest, { parts }: Placed, random: Random): PlacementRefusal {
    return {
      ok: false,
      reason: this.#reason(request, random),
      fittingParts: parts,
      mostCores: this.#mostCores(request),
      get text() {
        return refusalText(request, this);
      },
    };
  }

  #reason(request: PlacementRequest, random: Random): RefusalReason {
    if (this.#whole.size === 0) {
      return 'no-nodes';
    }
    if (request.node !== undefined) {
      const node = this.#whole.node(this.#entries.get(request.node)?.number ?? -1);
      if (node === undefined) return 'unknown-node';
      if (!hasLabels(node, request)) return 'no-match';
    } else if ((this.#whole.select(request.labels)?.view.nodes ?? 0) === 0) {
      return 'no-match';
    }
    const { parts } = this.#search(this.#whole, request, { kind: 'pack' }, random);
    return parts >= request.atLeast ? 'occupied' : 'too-large';
  }

  #mostCores(request: PlacementRequest): number {
    const memoryMiB = memoryOfParts(request, 1);
    if (request.node === undefined) {
      return this.#free.select(request.labels)?.view.mostCores(memoryMiB, request.gpusPerPart) ?? 0;
    }
    const node = this.#free.node(this.#entries.get(request.node)?.number ?? -1);
    const needed = { cores: 0, memoryMiB, gpus: request.gpusPerPart };
    return node !== undefined && hasLabels(node, request) && covers(node.room, needed) ? node.room.cores : 0;
  }

  #entry(name: string): Entry {
    let entry = this.#entries.get(name);
    if (entry === undefined) {
      this.#count += 1;
      entry = { number: this.#count, node: undefined, capacity: noResources, taken: noResources };
      this.#entries.set(name, entry);
    }
    return entry;
  }

  #close({ number }: Entry): void {
    this.#whole.remove(number);
    this.#free.remove(number);
  }

  #change(entry: Entry, share: Share, sign: 1 | -1): void {
    const { cores, memoryMiB, gpus } = entry.taken;
    entry.taken = {
      cores: cores + sign * share.cores,
      memoryMiB: memoryMiB + sign * share.memoryMiB,
      gpus: gpus + sign * share.gpus,
    };
    this.#free.resize(entry.number, remainder(entry.capacity, entry.taken));
  }

  #forgetIfEmpty(name: string, { node, taken }: Entry): void {
    if (node === undefined && covers(noResources, taken)) {
      this.#entries.delete(name);
    }
  }
}

function onNamedNode(space: NodeSpace, request: PlacementRequest, number: number | undefined): Placed {
  const node = number === undefined ? undefined : space.node(number);
  const hasDomain = request.within === undefined || node?.labels[request.within] !== undefined;
  if (node === undefined || !hasDomain || !hasLabels(node, request)) {
    return { nodes: [], parts: 0 };
  }
  const parts = Math.min(request.distinctNodes ? 1 : request.parts, partsOn(request, node.room));
  return parts === 0 ? { nodes: [], parts } : { nodes: [{ node: node.number, parts }], parts };
}

function hasLabels(
  node: { readonly labels: Readonly<Record<string, string>> },
  { labels }: PlacementRequest,
): boolean {
  return Object.entries(labels).every(([key, value]) => node.labels[key] === value);
}
