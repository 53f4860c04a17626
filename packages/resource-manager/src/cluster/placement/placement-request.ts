import type { Resources } from './resources.ts';

/** Labels of a node, or those that a request requires: `{ rack: 'r12', arch: 'arm64' }`. */
export type Labels = Readonly<Record<string, string>>;

interface Conditions {
  /** Fewest cores (first shape) or nodes (second shape) that are worth having. Default: all or nothing. */
  readonly atLeast?: number;
  /** Only this node. */
  readonly node?: string;
  /** Only nodes that have all these labels. */
  readonly labels?: Labels;
  /** All of it on nodes that have the same value of this label, e.g. `rack`. */
  readonly within?: string;
}

/** Cores on as few nodes as the policy finds, with memory and GPUs for the whole lease. */
export interface CoresShape extends Conditions {
  readonly cores: number;
  readonly memoryMiB: number;
  readonly gpus: number;
}

/** A number of different nodes, with cores, memory and GPUs of each. */
export interface NodesShape extends Conditions {
  readonly nodes: number;
  readonly coresPerNode: number;
  readonly memoryMiBPerNode: number;
  readonly gpusPerNode: number;
}

/**
 * What is to be placed, as equal parts: each part goes to one node as a whole. A request for cores is cut into the
 * smallest parts that are equal in cores and GPUs; memory is divided by parts and rounded up on each node.
 */
export interface PlacementRequest {
  readonly parts: number;
  /** With fewer parts than this it is refused. */
  readonly atLeast: number;
  /** Whether no node may have two parts. */
  readonly distinctNodes: boolean;
  readonly coresPerPart: number;
  readonly gpusPerPart: number;
  /** Memory of all parts together. */
  readonly memoryMiB: number;
  readonly node: string | undefined;
  readonly labels: Labels;
  readonly within: string | undefined;
}

/**
 * The request for a shape.
 *
 * @throws RangeError for numbers that are not whole, negative, or make no sense together
 */
export function placementRequest(shape: CoresShape | NodesShape): PlacementRequest {
  const conditions = { node: shape.node, labels: shape.labels ?? {}, within: shape.within };
  if ('nodes' in shape) {
    const { nodes, coresPerNode, memoryMiBPerNode, gpusPerNode, atLeast = nodes } = shape;
    requireWhole({ nodes, coresPerNode, atLeast }, 1);
    requireWhole({ memoryMiBPerNode, gpusPerNode }, 0);
    return {
      parts: nodes,
      atLeast: requireAtMost(atLeast, nodes),
      distinctNodes: true,
      coresPerPart: coresPerNode,
      gpusPerPart: gpusPerNode,
      memoryMiB: memoryMiBPerNode * nodes,
      ...conditions,
    };
  }
  const { cores, memoryMiB, gpus, atLeast = cores } = shape;
  requireWhole({ cores, atLeast }, 1);
  requireWhole({ memoryMiB, gpus }, 0);
  const parts = greatestCommonDivisor(cores, gpus);
  const coresPerPart = cores / parts;
  return {
    parts,
    atLeast: Math.ceil(requireAtMost(atLeast, cores) / coresPerPart),
    distinctNodes: false,
    coresPerPart,
    gpusPerPart: gpus / parts,
    memoryMiB,
    ...conditions,
  };
}

/** Memory that `count` parts take on one node, in MiB. */
export function memoryOfParts({ memoryMiB, parts }: PlacementRequest, count: number): number {
  return Math.ceil((memoryMiB * count) / parts);
}

/** How many parts a room takes. */
export function partsOn(request: PlacementRequest, room: Resources): number {
  const { parts, coresPerPart, gpusPerPart, memoryMiB } = request;
  const byCores = Math.floor(room.cores / coresPerPart);
  const byGpus = gpusPerPart === 0 ? Infinity : Math.floor(room.gpus / gpusPerPart);
  const byMemory = memoryMiB === 0 ? Infinity : Math.floor((room.memoryMiB * parts) / memoryMiB);
  return Math.min(byCores, byGpus, byMemory);
}

function requireWhole(numbers: Readonly<Record<string, number>>, least: number): void {
  for (const [name, value] of Object.entries(numbers)) {
    if (!Number.isSafeInteger(value) || value < least) {
      throw new RangeError(`${name} of a request must be a whole number of at least ${least}, not ${value}`);
    }
  }
}

function requireAtMost(atLeast: number, all: number): number {
  if (atLeast > all) {
    throw new RangeError(`at least ${atLeast} is more than the ${all} that are asked for`);
  }
  return atLeast;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
