import type { Resources } from './resources.ts';

/** What a lease takes of one node. */
export interface Share extends Resources {
  readonly node: string;
}

/**
 * Why nothing was placed. Only `occupied` can come true by waiting; the others need a different cluster or request.
 * `no-match`: no node has the labels that are required.
 */
export type RefusalReason = 'no-nodes' | 'unknown-node' | 'no-match' | 'too-large' | 'occupied';

/** A refusal, with what was asked and what there is. */
export interface PlacementRefusal {
  readonly ok: false;
  readonly reason: RefusalReason;
  /** A sentence that says what was asked, why not, and what would fit. */
  readonly text: string;
  /** Parts of the request that would fit now: cores or nodes, as {@link PlacementRequest} cuts them. */
  readonly fittingParts: number;
  /** The most cores that are free on one node with the memory and GPUs of one part; 0 if there is none. */
  readonly mostCores: number;
}

/** Where a lease goes, at least one share and one share a node, or why it goes nowhere. */
export type PlacementDecision = { readonly ok: true; readonly shares: readonly Share[] } | PlacementRefusal;
