import type { PlacementNode, PlacementPolicy } from '@rfaas/resource-manager';

/** What one simulated cluster is made of, and what happens to it. */
export interface SimulationSettings {
  readonly seed: number;
  readonly policy: PlacementPolicy;
  readonly nodes: number;
  readonly tenants: number;
  /** How much the tenants differ: exponent of Zipf's law over the number of their requests; 0: not at all. */
  readonly skew: number;
  /** Requests that are measured, after the cluster has been filled. */
  readonly requests: number;
  /** Core-hours that are asked for, as a share of those that there are. */
  readonly load: number;
  /** Mean time between failures of a node in hours; 0: none fail. */
  readonly nodeMtbfHours: number;
  /** The most that one tenant may have at once, as a share of all cores; 0: no limit. */
  readonly tenantShare: number;
}

/** A node of a simulated cluster. */
export interface NodeKind {
  readonly kind: 'small' | 'large' | 'fat' | 'gpu';
  readonly cores: number;
  readonly memoryMiB: number;
  readonly gpus: number;
}

const GIB = 1024;
const SMALL: NodeKind = { kind: 'small', cores: 64, memoryMiB: 256 * GIB, gpus: 0 };
const LARGE: NodeKind = { kind: 'large', cores: 128, memoryMiB: 512 * GIB, gpus: 0 };
const FAT: NodeKind = { kind: 'fat', cores: 128, memoryMiB: 1024 * GIB, gpus: 0 };
const GPU: NodeKind = { kind: 'gpu', cores: 128, memoryMiB: 512 * GIB, gpus: 4 };

/** Sixteen nodes that repeat: 100 cores on average, so that 100,000 nodes have 10 million. */
const PATTERN: readonly NodeKind[] = [
  ...Array.from({ length: 7 }, () => SMALL),
  ...Array.from({ length: 6 }, () => LARGE),
  FAT,
  GPU,
  GPU,
];
/** Nodes with the same label `rack`. */
const NODES_PER_RACK = 64;

/** What the node with this number is like. */
export function nodeKind(number: number): NodeKind {
  return PATTERN[number % PATTERN.length] as NodeKind;
}

/** The node with this number, with labels for its rack and its kind. */
export function describeNode(number: number): PlacementNode {
  const { kind, ...resources } = nodeKind(number);
  return {
    name: `node-${number}`,
    ...resources,
    labels: { rack: `rack-${Math.floor(number / NODES_PER_RACK)}`, kind },
  };
}

/** Cores of the first `nodes` nodes. */
export function totalCores(nodes: number): number {
  let total = 0;
  for (let number = 0; number < nodes; number += 1) total += nodeKind(number).cores;
  return total;
}
