import type { PlacementDecision, Share } from './placement-decision.ts';
import { capacityOf, type PlacementNode } from './placement-node.ts';
import type { PlacementPolicy } from './placement-policy.ts';
import type { PlacementRequest } from './placement-request.ts';
import { placeByScan, type ScannedNode } from './place-by-scan.ts';
import type { Random } from './random.ts';
import { noResources, remainder, type Resources } from './resources.ts';

/** What a placement index is made with. */
export interface PlacementOptions {
  readonly policy: PlacementPolicy;
  /** The most nodes of one lease; default 256. */
  readonly maxShares?: number;
}

interface Entry {
  node: PlacementNode | undefined;
  readonly number: number;
  taken: Resources;
}

/**
 * The nodes of a cluster, what leases take of each, and the choice of nodes for a request. Pure: the same calls with the
 * same random numbers give the same decisions.
 */
export class PlacementIndex {
  readonly #options: PlacementOptions;
  readonly #entries = new Map<string, Entry>();
  #count = 0;

  constructor(options: PlacementOptions) {
    this.#options = options;
  }

  /** Adds a node, or replaces what is known of it. What leases take of it stays. @throws RangeError, see {@link capacityOf} */
  put(node: PlacementNode): void {
    capacityOf(node);
    this.#entry(node.name).node = node;
  }

  /** Forgets a node. What leases take of it stays known until it is given back. */
  remove(name: string): void {
    const entry = this.#entries.get(name);
    if (entry !== undefined) {
      entry.node = undefined;
      this.#forgetIfEmpty(name, entry);
    }
  }

  /** Chooses nodes for a request. Takes nothing: that is {@link take}, with no other call in between. */
  place(request: PlacementRequest, random: Random): PlacementDecision {
    return placeByScan(request, this.#scanned(), this.#options, random);
  }

  /**
   * Counts shares as taken, even where more is taken than there is: leases of an earlier start are known before their
   * nodes are.
   */
  take(shares: readonly Share[]): void {
    for (const share of shares) {
      const entry = this.#entry(share.node);
      entry.taken = add(entry.taken, share, 1);
    }
  }

  /** Counts shares as free again. @throws RangeError if more is given back than was taken; nothing has changed then */
  giveBack(shares: readonly Share[]): void {
    for (const share of shares) {
      const { cores, memoryMiB, gpus } = add(this.taken(share.node), share, -1);
      if (cores < 0 || memoryMiB < 0 || gpus < 0) {
        throw new RangeError(`more is given back of node "${share.node}" than was taken`);
      }
    }
    for (const share of shares) {
      const entry = this.#entry(share.node);
      entry.taken = add(entry.taken, share, -1);
      this.#forgetIfEmpty(share.node, entry);
    }
  }

  /** What leases take of a node, also of one that was removed. */
  taken(name: string): Resources {
    return this.#entries.get(name)?.taken ?? noResources;
  }

  /** What leases may still take of a node: nothing of one that is not there. */
  free(name: string): Resources {
    const entry = this.#entries.get(name);
    return entry?.node === undefined ? noResources : remainder(capacityOf(entry.node), entry.taken);
  }

  #entry(name: string): Entry {
    let entry = this.#entries.get(name);
    if (entry === undefined) {
      entry = { node: undefined, number: this.#count, taken: noResources };
      this.#count += 1;
      this.#entries.set(name, entry);
    }
    return entry;
  }

  #forgetIfEmpty(name: string, { node, taken }: Entry): void {
    if (node === undefined && taken.cores === 0 && taken.memoryMiB === 0 && taken.gpus === 0) {
      this.#entries.delete(name);
    }
  }

  #scanned(): readonly ScannedNode[] {
    return [...this.#entries.values()].flatMap(({ node, number, taken }) => {
      if (node === undefined || node.admission === 'closed') {
        return [];
      }
      const capacity = capacityOf(node);
      return [{ node, number, capacity, free: remainder(capacity, taken) }];
    });
  }
}

function add(a: Resources, b: Resources, sign: 1 | -1): Resources {
  return {
    cores: a.cores + sign * b.cores,
    memoryMiB: a.memoryMiB + sign * b.memoryMiB,
    gpus: a.gpus + sign * b.gpus,
  };
}
