import type {
  Bill,
  BillQuery,
  ClusterConsole,
  ClusterReadings,
  LeaseView,
  NodeView,
  QueuedView,
  TenantLimits,
  TenantView,
} from '../cluster/cluster-view.ts';
import type { NodeDescription } from '../cluster/executor-registry.ts';

/** What there is to see, whoever serves it: nothing while nobody does here. */
export function readingsOf(current: () => ClusterReadings | undefined): ClusterReadings {
  return {
    nodes: () => current()?.nodes() ?? [],
    leases: () => current()?.leases() ?? [],
    queue: () => current()?.queue() ?? [],
    tenants: () => current()?.tenants() ?? [],
  };
}

/** The console of whichever term there is now; what `current` throws without one is thrown by everything. */
export class ServedConsole implements ClusterConsole {
  readonly #current: () => ClusterConsole;

  constructor(current: () => ClusterConsole) {
    this.#current = current;
  }

  nodes(): readonly NodeView[] {
    return this.#current().nodes();
  }

  leases(): readonly LeaseView[] {
    return this.#current().leases();
  }

  queue(): readonly QueuedView[] {
    return this.#current().queue();
  }

  tenants(): readonly TenantView[] {
    return this.#current().tenants();
  }

  bills(query?: BillQuery): AsyncIterable<Bill> {
    return this.#current().bills(query);
  }

  async addNode(description: NodeDescription): Promise<void> {
    await this.#current().addNode(description);
  }

  async drainNode(name: string, graceMs: number): Promise<void> {
    await this.#current().drainNode(name, graceMs);
  }

  async resumeNode(name: string): Promise<void> {
    await this.#current().resumeNode(name);
  }

  async removeNode(name: string, graceMs: number): Promise<void> {
    await this.#current().removeNode(name, graceMs);
  }

  async endLease(leaseId: string): Promise<void> {
    await this.#current().endLease(leaseId);
  }

  async setLimits(tenant: string, limits: TenantLimits): Promise<void> {
    await this.#current().setLimits(tenant, limits);
  }
}
