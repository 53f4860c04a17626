import type { LeaseRecord, NodeDescription } from '@rfaas/resource-manager';
import { describeNode, nodeKind, type NodeKind } from './settings.ts';

interface SimulatedNode {
  readonly kind: NodeKind;
  readonly description: NodeDescription;
  /** The start of its executor manager. */
  incarnation: bigint;
  isUp: boolean;
  cores: number;
  memoryMiB: number;
  gpus: number;
  /** The leases that have something here. */
  readonly held: Set<string>;
}

/**
 * The nodes as they are themselves: what runs on each, kept apart from what the resource manager believes. Whatever is
 * granted beyond what a node has is an error.
 */
export class SimulatedNodes {
  readonly #nodes: readonly SimulatedNode[];
  readonly #byName: ReadonlyMap<string, SimulatedNode>;
  #leasedCores = 0;
  #coresUp = 0;

  constructor(count: number) {
    this.#nodes = Array.from({ length: count }, (_, number) => ({
      kind: nodeKind(number),
      description: describe(number),
      incarnation: 1n,
      isUp: true,
      cores: nodeKind(number).cores,
      memoryMiB: nodeKind(number).memoryMiB,
      gpus: nodeKind(number).gpus,
      held: new Set(),
    }));
    this.#byName = new Map(this.#nodes.map((node) => [node.description.name, node]));
    this.#coresUp = this.#nodes.reduce((sum, node) => sum + node.cores, 0);
  }

  get names(): readonly string[] {
    return this.#nodes.map(({ description }) => description.name);
  }

  /** Cores that leases hold on nodes that are up. */
  get leasedCores(): number {
    return this.#leasedCores;
  }

  /** Cores of nodes that are up. */
  get coresUp(): number {
    return this.#coresUp;
  }

  description(name: string): NodeDescription {
    return this.#node(name).description;
  }

  incarnation(name: string): bigint {
    return this.#node(name).incarnation;
  }

  isUp(name: string): boolean {
    return this.#node(name).isUp;
  }

  /** Whether a lease has something on a node. */
  holds(name: string, leaseId: string): boolean {
    return this.#node(name).held.has(leaseId);
  }

  /** The leases that have something on a node. */
  held(name: string): readonly string[] {
    return [...this.#node(name).held];
  }

  /** A lease was granted. @throws Error if a node does not have what was granted of it */
  take({ leaseId, shares }: LeaseRecord): void {
    for (const { node: name, cores, memoryMiB, gpus } of shares) {
      const node = this.#node(name);
      const isThere = node.cores >= cores && node.memoryMiB >= memoryMiB && node.gpus >= gpus;
      if (!isThere || !node.isUp || node.held.has(leaseId)) {
        const share = `${cores} cores, ${memoryMiB} MiB and ${gpus} GPUs`;
        throw new Error(`lease ${leaseId} was granted ${share} of ${name}, which does not have that to give`);
      }
      node.cores -= cores;
      node.memoryMiB -= memoryMiB;
      node.gpus -= gpus;
      node.held.add(leaseId);
      this.#leasedCores += cores;
    }
  }

  /** Nothing runs under a lease on a node any more. */
  free({ leaseId, shares }: LeaseRecord, name: string): void {
    const node = this.#node(name);
    const share = shares.find((each) => each.node === name);
    if (share !== undefined && node.held.delete(leaseId)) {
      node.cores += share.cores;
      node.memoryMiB += share.memoryMiB;
      node.gpus += share.gpus;
      this.#leasedCores -= node.isUp ? share.cores : 0;
    }
  }

  /** A node fails: what ran there has ended, unless only its connection is gone (`isCut`). */
  fail(name: string, isCut: boolean): void {
    const node = this.#node(name);
    node.isUp = false;
    const { cores, memoryMiB, gpus } = node.kind;
    this.#coresUp -= cores;
    this.#leasedCores -= cores - node.cores;
    if (!isCut) {
      node.incarnation += 1n;
      node.held.clear();
      Object.assign(node, { cores, memoryMiB, gpus });
    }
  }

  /** A node is there again. */
  comeBack(name: string): void {
    const node = this.#node(name);
    node.isUp = true;
    this.#coresUp += node.kind.cores;
    this.#leasedCores += node.kind.cores - node.cores;
  }

  /** The free cores of each node that is up. */
  *freeCores(): Iterable<number> {
    for (const { isUp, cores } of this.#nodes) {
      if (isUp) yield cores;
    }
  }

  #node(name: string): SimulatedNode {
    const node = this.#byName.get(name);
    if (node === undefined) throw new Error(`no node is called ${name}`);
    return node;
  }
}

function describe(number: number): NodeDescription {
  return { url: `verbs://node-${number}:10000`, ...describeNode(number) };
}
