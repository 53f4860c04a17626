import { RfaasError, type NodeLabels, type PreloadedNode } from '@rfaas/core';

/**
 * `connected`: its executor manager is there. `unverified`: known from the database or over HTTP, not seen yet; its leases
 * bind to any start. `suspect`: its connection is gone; its leases go on, and it gets no new ones. `lost`: it
 * stayed away; its leases have ended.
 */
export type NodeState = 'connected' | 'unverified' | 'suspect' | 'lost';

/** How far a node is on its way out: `no`, `draining` until its leases are over or ended, `drained` then. */
export type DrainState = 'no' | 'draining' | 'drained';

/** What a node has and where it is. */
export interface NodeDescription extends PreloadedNode {
  readonly labels?: NodeLabels;
  /** Leased cores for each core that it has, from 1; default 1. */
  readonly oversubscription?: number;
}

/** A node of the cluster. Replaced, never changed. */
export interface ClusterNode extends NodeDescription {
  /** The start of its executor manager; 0 while that was not seen. */
  readonly incarnation: bigint;
  readonly state: NodeState;
  readonly drain: DrainState;
  /** When the leases of a draining node are ended, in milliseconds since 1970. */
  readonly drainDeadline: number | undefined;
  /** It is forgotten once it is drained. */
  readonly isLeaving: boolean;
}

const inService = { drain: 'no', drainDeadline: undefined, isLeaving: false } as const;

/** The nodes of the cluster by name. */
export class ExecutorRegistry {
  readonly #nodes = new Map<string, ClusterNode>();
  #suspects = 0;

  get size(): number {
    return this.#nodes.size;
  }

  /** How many nodes are suspect. */
  get suspects(): number {
    return this.#suspects;
  }

  /** A node that was there when the process started. */
  restore(node: ClusterNode): void {
    this.#set(node);
  }

  /** Adds a node that was not seen. @throws RfaasError `RFAAS_ERR_NODE_EXISTS` unless the one of this name is lost */
  preload(description: NodeDescription): ClusterNode {
    this.#requireFree(description.name, ['connected', 'unverified', 'suspect']);
    return this.#set({ ...description, ...inService, incarnation: 0n, state: 'unverified' });
  }

  /**
   * A node has registered. A drained one stays drained while it is the same start of its executor manager.
   *
   * @throws RfaasError `RFAAS_ERR_NODE_EXISTS` while another start of this name is connected
   */
  connect(description: NodeDescription, incarnation: bigint): ClusterNode {
    const before = this.#nodes.get(description.name);
    if (before?.incarnation !== incarnation) {
      this.#requireFree(description.name, ['connected']);
    }
    const { drain, drainDeadline, isLeaving } = before?.incarnation === incarnation ? before : inService;
    return this.#set({ ...description, drain, drainDeadline, isLeaving, incarnation, state: 'connected' });
  }

  /** Changes what is known of a node. @throws RfaasError `RFAAS_ERR_NODE_UNKNOWN` */
  update(name: string, changes: Partial<ClusterNode>): ClusterNode {
    return this.#set({ ...this.require(name), ...changes });
  }

  /** Forgets a node. @throws RfaasError `RFAAS_ERR_NODE_UNKNOWN` */
  remove(name: string): ClusterNode {
    const node = this.require(name);
    this.#nodes.delete(name);
    this.#suspects -= suspicion(node);
    return node;
  }

  get(name: string): ClusterNode | undefined {
    return this.#nodes.get(name);
  }

  /** @throws RfaasError `RFAAS_ERR_NODE_UNKNOWN` */
  require(name: string): ClusterNode {
    const node = this.#nodes.get(name);
    if (node === undefined) {
      throw new RfaasError('RFAAS_ERR_NODE_UNKNOWN', `no node is called "${name}"`, {
        details: { node: name },
      });
    }
    return node;
  }

  /** In the order in which they came. */
  list(): readonly ClusterNode[] {
    return [...this.#nodes.values()];
  }

  #requireFree(name: string, taken: readonly NodeState[]): void {
    const node = this.#nodes.get(name);
    if (node !== undefined && taken.includes(node.state)) {
      throw new RfaasError(
        'RFAAS_ERR_NODE_EXISTS',
        `a node called "${name}" is there already (${node.state}, ${node.url}); give every node a name of its own`,
        { details: { node: name, state: node.state } },
      );
    }
  }

  #set(node: ClusterNode): ClusterNode {
    this.#suspects += suspicion(node) - suspicion(this.#nodes.get(node.name));
    this.#nodes.set(node.name, node);
    return node;
  }
}

function suspicion(node: ClusterNode | undefined): number {
  return node?.state === 'suspect' ? 1 : 0;
}
