import type { DomainPartition } from './domain-partition.ts';
import { NodeCursor, type FoundNode } from './node-cursor.ts';
import type { NodeSpace, Selection } from './node-space.ts';
import { tiers, type NodeView } from './node-view.ts';
import type { PlacementPolicy } from './placement-policy.ts';
import { memoryOfParts, partsOn, type PlacementRequest } from './placement-request.ts';
import type { Random } from './random.ts';
import type { Resources } from './resources.ts';

/** Parts of a request on a node. */
export interface PlacedParts {
  readonly node: number;
  readonly parts: number;
}

/** Where parts of a request go. */
export interface Placed {
  readonly nodes: readonly PlacedParts[];
  readonly parts: number;
}

/** Under the policy `locality`: how many domains with enough cores are tried before a lease is split. */
const MAX_DOMAINS_TRIED = 8;
/** Over how many domains a lease is split before the rest goes anywhere. */
const MAX_DOMAINS_FILLED = 16;

/** Places one request among the nodes of a space. */
export class NodeSearch {
  readonly #space: NodeSpace;
  readonly #request: PlacementRequest;
  readonly #policy: PlacementPolicy;
  readonly #maxShares: number;
  readonly #random: Random;
  /** What one part needs. */
  readonly #part: Resources;
  /** What all parts need together. */
  readonly #total: Resources;

  constructor(
    space: NodeSpace,
    request: PlacementRequest,
    policy: PlacementPolicy,
    maxShares: number,
    random: Random,
  ) {
    this.#space = space;
    this.#request = request;
    this.#policy = policy;
    this.#maxShares = maxShares;
    this.#random = random;
    const { parts, coresPerPart, gpusPerPart, memoryMiB } = request;
    this.#part = { cores: coresPerPart, memoryMiB: memoryOfParts(request, 1), gpus: gpusPerPart };
    this.#total = { cores: parts * coresPerPart, memoryMiB, gpus: parts * gpusPerPart };
  }

  /** As many parts as possible, up to all, on nodes that have the labels which the request requires. */
  among(selection: Selection): Placed {
    const { within, parts } = this.#request;
    if (within !== undefined) {
      const domains = this.#space.domains(selection, within);
      return domains === undefined ? nowhere : this.#inOneDomain(domains);
    }
    if (this.#policy.kind === 'locality' && parts > 1) {
      const domains = this.#space.domains(selection, this.#policy.label);
      if (domains !== undefined) {
        return this.#inFewDomains(domains, selection.view);
      }
    }
    return this.#fill(selection.view, parts);
  }

  /** The first domain that takes all, the tightest first; otherwise the one that takes most. */
  #inOneDomain(domains: DomainPartition): Placed {
    const { parts, coresPerPart } = this.#request;
    let best = nowhere;
    for (const { value, view } of domains.ascending(this.#total)) {
      if (value === undefined) continue;
      const placed = this.#fill(view, parts);
      best = placed.parts > best.parts ? placed : best;
      if (best.parts === parts) return best;
    }
    for (const { value, view } of domains.descending(this.#total)) {
      // With GPUs the order is by these, and says nothing of the cores of the next one.
      const isHopeless = Math.floor(view.cores / coresPerPart) <= best.parts;
      if (isHopeless && this.#total.gpus === 0) break;
      if (isHopeless || value === undefined) continue;
      const placed = this.#fill(view, parts);
      best = placed.parts > best.parts ? placed : best;
    }
    return best;
  }

  /**
   * One node or one domain that takes all, the tightest of the first few that could; else the emptiest domain; else as
   * many parts as possible in each of the emptiest domains.
   */
  #inFewDomains(domains: DomainPartition, all: NodeView): Placed {
    const { parts, distinctNodes } = this.#request;
    if (!distinctNodes) {
      const onOne = this.#onOneNode(all);
      if (onOne !== undefined) return onOne;
    }
    let tries = 0;
    for (const { view } of domains.ascending(this.#total)) {
      if (!this.#isTooSmall(view)) {
        const placed = this.#fill(view, parts);
        if (placed.parts === parts) return placed;
      }
      tries += 1;
      if (tries === MAX_DOMAINS_TRIED) break;
    }
    const [emptiest] = domains.descending(this.#total);
    const whole =
      emptiest === undefined || this.#isTooSmall(emptiest.view) ? nowhere : this.#fill(emptiest.view, parts);
    return whole.parts === parts ? whole : this.#overDomains(domains, all);
  }

  /** All parts on the tightest open node that holds them. */
  #onOneNode(view: NodeView): Placed | undefined {
    const { parts, gpusPerPart } = this.#request;
    const cursor = new NodeCursor(this.#space.forest, view.groups(0, gpusPerPart), this.#part, new Set());
    const found = cursor.tightest(this.#total);
    return found === undefined ? undefined : { nodes: [{ node: found.number, parts }], parts };
  }

  /** Whether there are fewer nodes that can take a part than are wanted: counting them is quicker than trying. */
  #isTooSmall(view: NodeView): boolean {
    return this.#request.distinctNodes && view.count(this.#part) < this.#request.parts;
  }

  /** As many parts as possible in each domain, the emptiest first; the rest anywhere. */
  #overDomains(domains: DomainPartition, all: NodeView): Placed {
    const { parts } = this.#request;
    let placed = nowhere;
    let filled = 0;
    for (const { view } of domains.descending(this.#total)) {
      placed = this.#fill(view, parts, placed);
      filled += 1;
      if (placed.parts === parts || filled === MAX_DOMAINS_FILLED) break;
    }
    if (placed.parts === parts) {
      return placed;
    }
    placed = this.#fill(all, parts, placed);
    if (placed.parts >= this.#request.atLeast) {
      return placed;
    }
    const anywhere = this.#fill(all, parts);
    return anywhere.parts > placed.parts ? anywhere : placed;
  }

  /** Up to `parts` parts on nodes of a view, those that are placed already included: open nodes before those in reserve. */
  #fill(view: NodeView, parts: number, placed = nowhere): Placed {
    const nodes = [...placed.nodes];
    const used = new Set(nodes.map(({ node }) => node));
    let rest = parts - placed.parts;
    const { gpusPerPart, distinctNodes } = this.#request;
    for (const tier of tiers) {
      if (rest === 0 || nodes.length === this.#maxShares) break;
      const cursor = new NodeCursor(this.#space.forest, view.groups(tier, gpusPerPart), this.#part, used);
      for (const { number, room } of this.#candidates(cursor, () => rest)) {
        const count = Math.min(rest, distinctNodes ? 1 : partsOn(this.#request, room));
        nodes.push({ node: number, parts: count });
        used.add(number);
        rest -= count;
        if (rest === 0 || nodes.length === this.#maxShares) break;
      }
    }
    return { nodes, parts: parts - rest };
  }

  /** Nodes in the order of the policy. */
  #candidates(cursor: NodeCursor, rest: () => number): Iterable<FoundNode> {
    switch (this.#policy.kind) {
      case 'random':
        return each(() => cursor.any(this.#random));
      case 'spread':
        return each(() => cursor.emptiest());
      case 'pack':
      case 'locality':
        return this.#request.distinctNodes
          ? cursor.ascending()
          : each(() => this.#holding(cursor, rest()) ?? cursor.emptiest());
    }
  }

  /** The tightest node that holds so many parts. */
  #holding(cursor: NodeCursor, parts: number): FoundNode | undefined {
    const { coresPerPart, gpusPerPart } = this.#request;
    const cores = parts * coresPerPart;
    // The emptiest nodes are used first: what no unused node has is not looked for.
    return cores > cursor.mostCores()
      ? undefined
      : cursor.tightest({ cores, memoryMiB: memoryOfParts(this.#request, parts), gpus: parts * gpusPerPart });
  }
}

const nowhere: Placed = { nodes: [], parts: 0 };

function* each(next: () => FoundNode | undefined): Iterable<FoundNode> {
  for (let found = next(); found !== undefined; found = next()) {
    yield found;
  }
}
