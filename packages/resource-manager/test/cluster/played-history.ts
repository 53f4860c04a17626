import { errorCode, type LeaseEndReason } from '@rfaas/core';
import { Cluster } from '../../src/cluster/cluster.ts';
import type { LeaseRecord } from '../../src/cluster/lease-record.ts';
import { seededRandom } from '../../src/cluster/placement/random.ts';
import { DurableRows } from '../../src/store/durable-rows.ts';
import { loadState } from '../../src/store/load-state.ts';
import type { StateStore } from '../../src/store/state-store.ts';
import * as world from './played-world.ts';
import { sum, type PlayedLease, type PlayedNode } from './played-world.ts';
import { node, request, Waiter } from './test-cluster.ts';

/**
 * A random history of a cluster with nodes that come and go, clients that come and go, and a resource manager that is
 * killed at any moment; beside it the truth: what really runs on the nodes. The clock is virtual, the store is real.
 */
export class PlayedHistory {
  readonly nodes: readonly PlayedNode[];
  kills = 0;
  readonly #random: () => number;
  readonly #openStore: () => Promise<StateStore>;
  readonly #leases = new Map<string, PlayedLease>();
  readonly #told: (() => void)[] = [];
  #store!: StateStore;
  #rows!: DurableRows;
  #cluster!: Cluster;
  #now = 1_000_000;
  #owner = 0;

  private constructor(seed: number, openStore: () => Promise<StateStore>) {
    this.#random = seededRandom(seed);
    this.#openStore = openStore;
    this.nodes = world.playedNodes();
  }

  static async begin(seed: number, openStore: () => Promise<StateStore>): Promise<PlayedHistory> {
    const history = new PlayedHistory(seed, openStore);
    await history.#start();
    return history;
  }

  /** Does one random thing and checks that no core runs two leases. */
  async step(): Promise<void> {
    const kind = this.#below(20);
    if (kind < 6) await this.#lease();
    else if (kind < 9) await this.#release();
    else if (kind < 11) this.#renew();
    else if (kind < 13) this.#connectOrDisconnect();
    else if (kind < 15) this.#deliver();
    else if (kind < 18) this.#pass(this.#below(120));
    else if (kind < 19) this.#drainOrResume();
    else await this.#kill();
    this.check();
  }

  /** What must hold at any time. */
  check(): void {
    world.checkNodes(this.nodes);
    const views = this.#cluster.views;
    for (const { name, cores, free } of views.nodes()) {
      const taken = sum(
        views
          .leases()
          .flatMap(({ shares }) =>
            shares.map((share) => (share.node === name && !share.freed ? share.cores : 0)),
          ),
      );
      if (free.cores !== Math.max(0, cores - taken)) {
        throw new Error(`${name} has ${free.cores} of ${cores} free, leases take ${taken}`);
      }
    }
    this.#checkKept();
  }

  /** Ends everything in an orderly way; then every core must be free, and the store must know of no lease. */
  async finish(): Promise<void> {
    for (const played of this.nodes) {
      if (!played.isConnected) this.#connect(played);
      this.#cluster.resumeNode(played.name);
    }
    for (const { leaseId } of this.#cluster.views.leases()) {
      this.#cluster.endLease(leaseId, 'ended-by-operator');
    }
    while (this.#told.length > 0 || this.nodes.some(({ ended }) => ended.size > 0)) this.#deliver();
    await this.#rows.settled();
    this.#rows.abandon();
    for (const { name, cores, free, leases } of this.#cluster.views.nodes()) {
      if (free.cores !== cores || leases > 0)
        throw new Error(`${name} has ${free.cores} of ${cores} free at the end`);
    }
    await this.#store.close();
    await this.#start();
    if (this.#cluster.views.leases().length > 0) throw new Error('leases came back from the store');
    this.#rows.abandon();
    await this.#store.close();
  }

  /** A lease that its client was told of and wants is there until it expires or its node is lost. */
  #checkKept(): void {
    const known = new Set(this.#cluster.views.leases().map(({ leaseId }) => leaseId));
    for (const lease of this.#leases.values()) {
      const isNodeThere = [...lease.nodes].every(([name, incarnation]) => {
        const played = this.#node(name);
        return played.isConnected && played.incarnation === incarnation;
      });
      if (lease.isWanted && isNodeThere && lease.expiry > this.#now && !known.has(lease.leaseId)) {
        throw new Error(`lease ${lease.leaseId} was acknowledged and is not known any more`);
      }
    }
  }

  /** Only for these reasons a lease may end that its client wants. */
  #ended(leaseId: string, reason: LeaseEndReason): void {
    const lease = this.#leases.get(leaseId);
    const isFair = ['expired', 'node-lost', 'node-drained', 'ended-by-operator'].includes(reason);
    if (lease?.isWanted === true && !isFair) throw new Error(`${leaseId} ended: ${reason}`);
    if (lease !== undefined) lease.isWanted = false;
  }

  async #start(): Promise<void> {
    this.#store = await this.#openStore();
    this.#rows = new DurableRows(this.#store);
    const later = (action: () => void): void => void this.#told.push(action);
    this.#cluster = new Cluster(
      {
        clock: () => this.#now,
        random: this.#random,
        ...world.historyOptions,
        rows: this.#rows,
        observer: world.endObserver((leaseId, reason) => this.#ended(leaseId, reason)),
        events: {
          leaseEnd: (name, leaseId) => later(() => this.#endOn(name, leaseId)),
          nodeDrain: () => undefined,
          nodeResume: () => undefined,
          nodeDismissed: (name) => later(this.#dismissal(this.#node(name))),
          changed: () => undefined,
        },
      },
      await loadState(this.#store, this.#now),
    );
    this.#owner += 1;
    for (const { leaseId, isWanted } of this.#leases.values()) {
      // Its client comes back at once, or it was gone before.
      if (isWanted) this.#attempt(() => this.#cluster.attach('t', this.#owner, leaseId), leaseId);
    }
  }

  /** A request whose answer becomes durable is acknowledged; its client shows it to the nodes. */
  async #lease(): Promise<void> {
    const nodes = this.#below(3);
    const asked = request(1 + this.#below(3), { nodes, durationMs: 100 + this.#below(900) });
    try {
      const outcome = this.#cluster.request('t', this.#owner, asked, new Waiter());
      if (outcome.kind !== 'granted') throw new Error('queued though it was not to wait');
      const rows = this.#rows;
      await rows.settled();
      if (rows === this.#rows) this.#acknowledge(outcome.record);
    } catch (error) {
      if (errorCode(error) !== 'RFAAS_ERR_NO_CAPACITY') throw error;
    }
  }

  #acknowledge({ leaseId, expiry, shares, tenant }: LeaseRecord): void {
    const nodes = new Map(shares.map(({ node: name, incarnation }) => [name, incarnation]));
    this.#leases.set(leaseId, { leaseId, expiry, nodes, isWanted: true });
    for (const { node: name, incarnation, cores } of shares) {
      const played = this.#node(name);
      if (played.incarnation === incarnation) {
        played.running.set(leaseId, { leaseId, tenant, generation: 1, cores, memoryMiB: 0, gpus: 0, expiry });
      }
    }
  }

  async #release(): Promise<void> {
    const lease = this.#pick();
    if (lease !== undefined) {
      lease.isWanted = false;
      this.#attempt(() => void this.#cluster.release('t', lease.leaseId), lease.leaseId);
      if (this.#below(2) === 0) await this.#rows.settled();
    }
  }

  #renew(): void {
    const lease = this.#pick();
    const played =
      lease === undefined ? undefined : this.nodes.find(({ running }) => running.has(lease.leaseId));
    if (lease?.isWanted !== true || played === undefined) return;
    this.#attempt(() => {
      const { expiry, shares } = this.#cluster.renew('t', lease.leaseId, 300);
      for (const share of shares) {
        const { running } = this.#node(share.node);
        const before = running.get(lease.leaseId);
        if (before !== undefined) running.set(lease.leaseId, { ...before, expiry });
      }
    }, lease.leaseId);
  }

  #drainOrResume(): void {
    const { name } = this.nodes[this.#below(this.nodes.length)]!;
    if (this.#cluster.node(name) === undefined) return;
    if (this.#below(2) === 0) this.#cluster.drainNode(name, this.#below(200));
    else this.#cluster.resumeNode(name);
  }

  #connectOrDisconnect(): void {
    const played = this.nodes[this.#below(this.nodes.length)]!;
    if (!played.isConnected) {
      if (this.#below(4) === 0) {
        played.incarnation += 1n;
        played.running.clear();
        played.ended.clear();
      }
      this.#connect(played);
    } else if (this.#below(3) === 0) {
      this.#disconnect(played);
    }
  }

  #connect(played: PlayedNode): void {
    played.isConnected = true;
    played.connection += 1;
    const description = node(played.name, played.cores);
    const held = [...played.running.values()];
    const { endings } = this.#cluster.register(description, played.incarnation, held);
    for (const { leaseId } of endings) this.#told.push(() => this.#endOn(played.name, leaseId));
  }

  #disconnect(played: PlayedNode): void {
    played.isConnected = false;
    if (this.#cluster.node(played.name) !== undefined) this.#cluster.nodeGone(played.name);
  }

  /** Closes the connection that a node has now. */
  #dismissal(played: PlayedNode): () => void {
    const { connection } = played;
    return () => {
      if (played.connection === connection) this.#disconnect(played);
    };
  }

  /** Something that is under way arrives. */
  #deliver(): void {
    const played = this.nodes[this.#below(this.nodes.length)]!;
    for (const leaseId of played.isConnected ? played.ended : []) {
      played.ended.delete(leaseId);
      this.#cluster.leaseEnded(played.name, leaseId);
    }
    this.#told.shift()?.();
  }

  #endOn(name: string, leaseId: string): void {
    const played = this.#node(name);
    if (played.isConnected) {
      played.running.delete(leaseId);
      played.ended.add(leaseId);
    }
  }

  #pass(ms: number): void {
    this.#now += ms;
    for (const { running } of this.nodes) {
      for (const { leaseId, expiry } of running.values()) {
        if (expiry <= this.#now) running.delete(leaseId);
      }
    }
    this.#cluster.sweep();
  }

  /** The process ends at once: what was not stored is gone, and so is every connection. */
  async #kill(): Promise<void> {
    this.kills += 1;
    this.#rows.abandon();
    await this.#store.close();
    this.#told.length = 0;
    for (const played of this.nodes) played.isConnected = false;
    await this.#start();
  }

  /** A lease that has ended for another reason may be refused. */
  #attempt(action: () => void, leaseId: string): void {
    try {
      action();
    } catch (error) {
      if (!/LEASE_(TERMINATED|UNKNOWN)/.test(errorCode(error) ?? '')) throw error;
      this.#leases.delete(leaseId);
    }
  }

  #pick(): PlayedLease | undefined {
    const all = [...this.#leases.values()];
    return all[this.#below(Math.max(1, all.length))];
  }

  #node(name: string): PlayedNode {
    return this.nodes.find((candidate) => candidate.name === name)!;
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }
}
