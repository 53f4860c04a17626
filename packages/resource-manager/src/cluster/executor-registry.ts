import { RfaasError, type PreloadedNode } from '@rfaas/core';

/**
 * `connected`: its executor manager is there. `unverified`: known from the database or over HTTP, not seen yet; its
 * leases bind to any start. `lost`: it was connected and is gone; nothing is leased on it.
 */
export type NodeState = 'connected' | 'unverified' | 'lost';

/** What a node has and where it is. */
export type NodeDescription = PreloadedNode;

/** A node of the cluster. */
export interface ClusterNode extends NodeDescription {
  /** The start of its executor manager; 0 while that was not seen. */
  readonly incarnation: bigint;
  readonly state: NodeState;
}

/** The nodes of the cluster by name. */
export class ExecutorRegistry {
  readonly #nodes = new Map<string, ClusterNode>();

  /** Adds a node that was not seen. @throws RfaasError `RFAAS_ERR_NODE_EXISTS` unless the one of this name is lost */
  preload(description: NodeDescription): ClusterNode {
    this.#requireFree(description.name, ['connected', 'unverified']);
    return this.#set({ ...description, incarnation: 0n, state: 'unverified' });
  }

  /** A node has registered. @throws RfaasError `RFAAS_ERR_NODE_EXISTS` while another one of this name is connected */
  connect(description: NodeDescription, incarnation: bigint): ClusterNode {
    this.#requireFree(description.name, ['connected']);
    return this.#set({ ...description, incarnation, state: 'connected' });
  }

  /** The connection of a node is gone. */
  disconnect(name: string): void {
    const node = this.#nodes.get(name);
    if (node !== undefined) {
      this.#set({ ...node, state: 'lost' });
    }
  }

  /** Forgets a node. @throws RfaasError `RFAAS_ERR_NODE_UNKNOWN` */
  remove(name: string): ClusterNode {
    const node = this.#nodes.get(name);
    if (node === undefined) {
      throw new RfaasError('RFAAS_ERR_NODE_UNKNOWN', `no node is called "${name}"`, {
        details: { node: name },
      });
    }
    this.#nodes.delete(name);
    return node;
  }

  get(name: string): ClusterNode | undefined {
    return this.#nodes.get(name);
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
    this.#nodes.set(node.name, node);
    return node;
  }
}
