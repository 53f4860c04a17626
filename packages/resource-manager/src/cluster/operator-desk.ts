import type { StateStore } from '../store/state-store.ts';
import { rowsUnder } from '../store/state-store.ts';
import type { DurableRows } from '../store/durable-rows.ts';
import { decodeBill } from '../store/row-codecs.ts';
import type {
  Bill,
  BillQuery,
  ClusterConsole,
  LeaseView,
  NodeView,
  QueuedView,
  TenantLimits,
  TenantView,
} from './cluster-view.ts';
import type { Cluster } from './cluster.ts';
import type { NodeDescription } from './executor-registry.ts';
import { billKey } from './lease-keeper.ts';

/** What operators read and do: decisions are the cluster's, and are stored before they are answered. */
export class OperatorDesk implements ClusterConsole {
  readonly #cluster: Cluster;
  readonly #rows: DurableRows;
  readonly #store: StateStore;

  constructor(cluster: Cluster, rows: DurableRows, store: StateStore) {
    this.#cluster = cluster;
    this.#rows = rows;
    this.#store = store;
  }

  nodes(): readonly NodeView[] {
    return this.#cluster.views.nodes();
  }

  leases(): readonly LeaseView[] {
    return this.#cluster.views.leases();
  }

  queue(): readonly QueuedView[] {
    return this.#cluster.views.queue();
  }

  tenants(): readonly TenantView[] {
    return this.#cluster.views.tenants();
  }

  async *bills({ tenant, from, to }: BillQuery = {}): AsyncIterable<Bill> {
    await this.#rows.settled();
    const [first, last] = rowsUnder('bill/');
    const begin = from === undefined ? first : billKey(from, '');
    const end = to === undefined ? last : billKey(to, '');
    for await (const row of this.#store.scan(begin, end)) {
      const { bill } = decodeBill(row);
      if (tenant === undefined || bill.tenant === tenant) {
        yield bill;
      }
    }
    if (to === undefined) {
      yield* this.#cluster.views.openBills().filter((bill) => tenant === undefined || bill.tenant === tenant);
    }
  }

  async addNode(description: NodeDescription): Promise<void> {
    this.#cluster.preload(description);
    await this.#rows.settled();
  }

  async drainNode(name: string, graceMs: number): Promise<void> {
    this.#cluster.drainNode(name, graceMs);
    await this.#rows.settled();
  }

  async resumeNode(name: string): Promise<void> {
    this.#cluster.resumeNode(name);
    await this.#rows.settled();
  }

  async removeNode(name: string, graceMs: number): Promise<void> {
    this.#cluster.drainNode(name, graceMs, true);
    await this.#rows.settled();
  }

  async endLease(leaseId: string): Promise<void> {
    this.#cluster.endLease(leaseId, 'ended-by-operator');
    await this.#rows.settled();
  }

  async setLimits(tenant: string, limits: TenantLimits): Promise<void> {
    this.#cluster.setLimits(tenant, limits);
    await this.#rows.settled();
  }
}
