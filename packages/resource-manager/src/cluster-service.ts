import {
  steadyClock,
  systemClock,
  type Logger,
  type OutgoingMessage,
  type ResourceManagerConfig,
} from '@rfaas/core';
import { Cluster } from './cluster/cluster.ts';
import type { ClusterEvents } from './cluster/cluster-options.ts';
import type { ClusterObserver } from './cluster/cluster-view.ts';
import type { NodeDescription } from './cluster/executor-registry.ts';
import { OperatorDesk } from './cluster/operator-desk.ts';
import { seededRandom } from './cluster/placement/random.ts';
import { ExpiryTimer } from './expiry-timer.ts';
import { LeaseSigner } from './sessions/lease-signer.ts';
import { DurableRows } from './store/durable-rows.ts';
import { loadState } from './store/load-state.ts';
import type { StateStore } from './store/state-store.ts';

/** The connection of a node. */
export interface NodeMessenger {
  tell(message: OutgoingMessage): Promise<void>;
  /** Ends the connection, once the node has what it was told. */
  dismiss(): Promise<void>;
}

/** What a cluster is served with. */
export interface ClusterServiceOptions {
  readonly config: ResourceManagerConfig;
  readonly clusterKey: Uint8Array;
  readonly store: StateStore;
  /** Nodes that are known from the start. */
  readonly nodes: readonly NodeDescription[];
  /** How a node is told something; `undefined` while it is not connected. */
  readonly messenger: (node: string) => NodeMessenger | undefined;
  readonly observer?: ClusterObserver | undefined;
  readonly logger: Logger;
}

/** One cluster while this process decides over it: what was stored, what is decided, and what is due when. */
export class ClusterService {
  readonly cluster: Cluster;
  readonly rows: DurableRows;
  readonly signer: LeaseSigner;
  readonly desk: OperatorDesk;
  readonly #timer: ExpiryTimer;

  private constructor(parts: {
    readonly cluster: Cluster;
    readonly rows: DurableRows;
    readonly signer: LeaseSigner;
    readonly desk: OperatorDesk;
    readonly timer: ExpiryTimer;
  }) {
    this.cluster = parts.cluster;
    this.rows = parts.rows;
    this.signer = parts.signer;
    this.desk = parts.desk;
    this.#timer = parts.timer;
  }

  /** Takes up the cluster where the store has left it. @throws RfaasError `RFAAS_ERR_STORE` */
  static async open(options: ClusterServiceOptions): Promise<ClusterService> {
    const { config, clusterKey, store, observer, logger } = options;
    const clock = steadyClock();
    const timer = new ExpiryTimer(clock);
    const rows = new DurableRows(store, (nanoseconds, count) => observer?.committed(nanoseconds, count));
    const saved = await loadState(store, clock());
    const { seed } = config.placement;
    const cluster: Cluster = new Cluster(
      {
        ...config,
        clock,
        wallClock: systemClock,
        random: seed === undefined ? Math.random : seededRandom(seed),
        policy: config.placement.policy,
        rows,
        events: {
          ...storedFirst(rows, options.messenger),
          changed: () => timer.set(cluster.nextDeadline(), () => cluster.sweep()),
        },
        observer,
      },
      saved,
    );
    for (const [tenant, limits] of Object.entries(config.tenantLimits)) {
      cluster.setLimits(tenant, limits);
    }
    for (const node of options.nodes) {
      if (cluster.node(node.name) === undefined) cluster.preload(node);
    }
    cluster.sweep();
    await rows.settled();
    const { nodes, leases, queued } = saved;
    logger.info('state loaded', {
      store: store.name,
      nodes: nodes.length,
      leases: leases.length,
      queued: queued.length,
    });
    const node = (name: string): ReturnType<Cluster['node']> => cluster.node(name);
    const signer = new LeaseSigner({ clusterKey, clock, wallClock: systemClock, node });
    return new ClusterService({ cluster, rows, signer, desk: new OperatorDesk(cluster, rows, store), timer });
  }

  /** Decides nothing any more, and stores what was decided. @throws RfaasError `RFAAS_ERR_STORE` */
  async close(): Promise<void> {
    this.#timer.close();
    await this.rows.close();
  }

  /** Decides nothing any more and stores nothing: somebody else decides now. */
  abandon(): void {
    this.#timer.close();
    this.rows.abandon();
  }
}

/** Nodes hear of what was decided once it is stored: a manager that leads no more must not end what its successor goes on with. */
function storedFirst(
  rows: DurableRows,
  messenger: ClusterServiceOptions['messenger'],
): Omit<ClusterEvents, 'changed'> {
  const tell = (node: string, message: OutgoingMessage): void => {
    // To this connection only: one that is made later is told all of it when the node registers.
    const connection = messenger(node);
    rows.whenStored(() => void connection?.tell(message));
  };
  return {
    leaseEnd: (node, leaseId, reason) => tell(node, { kind: 'lease-end', leaseId, reason }),
    nodeDrain: (node, graceMs) => tell(node, { kind: 'node-drain', graceMs }),
    nodeResume: (node) => tell(node, { kind: 'node-resume' }),
    nodeDismissed: (node) => {
      const connection = messenger(node);
      rows.whenStored(() => void connection?.dismiss());
    },
  };
}
