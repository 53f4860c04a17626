import type { Clock } from '@rfaas/core';
import type { RowSink } from '../store/durable-rows.ts';
import { encodeNode } from '../store/row-codecs.ts';
import type { ClusterObserver } from './cluster-view.ts';
import { DeadlineHeap } from './deadline-heap.ts';
import { ExecutorRegistry, type ClusterNode, type NodeDescription } from './executor-registry.ts';
import type { PlacementIndex } from './placement/placement-index.ts';

/** What nodes are kept with. */
export interface NodeKeeperOptions {
  readonly clock: Clock;
  readonly placement: PlacementIndex;
  readonly rows: RowSink;
  /** A suspect node that does not come back within this is lost. */
  readonly timeoutMs: number;
  readonly observer: ClusterObserver | undefined;
}

/** What {@link NodeKeeper.takeDue} has found. */
export interface NodeEvent {
  readonly kind: 'lost' | 'drain-over';
  readonly node: ClusterNode;
}

/** The nodes, what placement and the store know of them, and when one of them has been away for too long. */
export class NodeKeeper {
  readonly registry = new ExecutorRegistry();
  readonly #options: NodeKeeperOptions;
  readonly #absences = new DeadlineHeap<string>();
  readonly #drains = new DeadlineHeap<string>();
  readonly #lastHeard = new Map<string, number>();

  constructor(options: NodeKeeperOptions) {
    this.#options = options;
  }

  /** A node that was there when the process started: it is waited for as if its connection had just ended. */
  restore(node: ClusterNode): void {
    const state = node.state === 'connected' ? 'suspect' : node.state;
    this.registry.restore({ ...node, state });
    this.#watch(this.registry.require(node.name));
    this.#tellPlacement(node.name);
  }

  preload(description: NodeDescription): ClusterNode {
    return this.#changed(this.registry.preload(description));
  }

  connect(description: NodeDescription, incarnation: bigint): ClusterNode {
    const node = this.registry.connect(description, incarnation);
    this.#lastHeard.set(node.name, this.#options.clock());
    return this.#changed(node);
  }

  /** The connection of a node is gone. */
  disconnected(name: string): void {
    if (this.registry.get(name)?.state === 'connected') {
      this.#changed(this.registry.update(name, { state: 'suspect' }));
    }
  }

  /** No new leases there; `isLeaving`: it is forgotten once it is empty. @throws RfaasError `RFAAS_ERR_NODE_UNKNOWN` */
  drain(name: string, graceMs: number, isLeaving: boolean): ClusterNode {
    const drainDeadline = this.#options.clock() + graceMs;
    return this.#changed(this.registry.update(name, { drain: 'draining', drainDeadline, isLeaving }));
  }

  /** @throws RfaasError `RFAAS_ERR_NODE_UNKNOWN` */
  resume(name: string): ClusterNode {
    return this.#changed(
      this.registry.update(name, { drain: 'no', drainDeadline: undefined, isLeaving: false }),
    );
  }

  /**
   * A draining node is drained once no lease holds anything there, or once its time is up and nobody is there to confirm
   * that. Returns whether it was forgotten.
   */
  drainedIfOver(name: string, isEmpty: boolean): boolean {
    const node = this.registry.get(name);
    if (node?.drain !== 'draining') {
      return false;
    }
    const isTimeUp = (node.drainDeadline ?? 0) <= this.#options.clock();
    if (!isEmpty && !(isTimeUp && node.state !== 'connected')) {
      return false;
    }
    if (node.isLeaving) {
      this.#forget(name);
    } else {
      this.#changed(this.registry.update(name, { drain: 'drained', drainDeadline: undefined }));
    }
    return node.isLeaving;
  }

  lastHeard(name: string): number | undefined {
    return this.#lastHeard.get(name);
  }

  nextDeadline(): number | undefined {
    return earliest(this.#absences.next(), this.#drains.next());
  }

  /** The next thing whose time has come: what follows for leases is up to the caller. */
  takeDue(now: number): NodeEvent | undefined {
    const absent = this.#absences.takeDue(now);
    if (absent !== undefined) {
      return { kind: 'lost', node: this.#changed(this.registry.update(absent, { state: 'lost' })) };
    }
    const drained = this.#drains.takeDue(now);
    return drained === undefined ? undefined : { kind: 'drain-over', node: this.registry.require(drained) };
  }

  #forget(name: string): void {
    const node = this.registry.remove(name);
    this.#absences.delete(name);
    this.#drains.delete(name);
    this.#lastHeard.delete(name);
    this.#options.placement.remove(name);
    this.#markRow(name);
    this.#options.observer?.nodeChanged(name, node.state, 'drained');
  }

  #changed(node: ClusterNode): ClusterNode {
    this.#watch(node);
    this.#tellPlacement(node.name);
    this.#markRow(node.name);
    this.#options.observer?.nodeChanged(node.name, node.state, node.drain);
    return node;
  }

  #watch({ name, state, drain, drainDeadline }: ClusterNode): void {
    const { clock, timeoutMs } = this.#options;
    if (state === 'suspect') {
      this.#absences.set(name, clock() + timeoutMs);
    } else {
      this.#absences.delete(name);
    }
    if (drain === 'draining' && drainDeadline !== undefined) {
      this.#drains.set(name, drainDeadline);
    } else {
      this.#drains.delete(name);
    }
  }

  #tellPlacement(name: string): void {
    const node = this.registry.require(name);
    this.#options.placement.put({ ...node, admission: admissionOf(node) });
  }

  #markRow(name: string): void {
    this.#options.rows.mark(`node/${name}`, () => {
      const node = this.registry.get(name);
      return node === undefined ? undefined : encodeNode(node);
    });
  }
}

/** The earlier of two times, either of which may not be set. */
export function earliest(...times: readonly (number | undefined)[]): number | undefined {
  return times.reduce((a, b) => (a === undefined ? b : b === undefined ? a : Math.min(a, b)), undefined);
}

function admissionOf({ state, drain }: ClusterNode): 'open' | 'reserve' | 'closed' {
  if (drain !== 'no' || state === 'suspect' || state === 'lost') {
    return 'closed';
  }
  return state === 'unverified' ? 'reserve' : 'open';
}
