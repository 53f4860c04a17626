import { RfaasError, type Usage } from '@rfaas/core';
import type {
  Bill,
  BillQuery,
  ClusterConsole,
  LeaseView,
  NodeView,
  QueuedView,
  TenantView,
} from '../cluster/cluster-view.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { NodeDescription } from '../cluster/executor-registry.ts';
import type { LeaseRecord } from '../cluster/lease-table.ts';

const nothing: Usage = {
  allocations: 0,
  invocations: 0,
  hotPollingNs: 0,
  executionNs: 0,
  coreNanoseconds: 0,
};

/** What operators see of and do to a cluster that keeps neither a queue nor limits nor the bills of leases that are over. */
export class ConsoleOverCluster implements ClusterConsole {
  readonly #cluster: Cluster;
  readonly #dismiss: (node: string) => Promise<void>;

  /** `dismiss` ends the connection of a node's executor manager, if there is one. */
  constructor(cluster: Cluster, dismiss: (node: string) => Promise<void>) {
    this.#cluster = cluster;
    this.#dismiss = dismiss;
  }

  nodes(): readonly NodeView[] {
    const leases = this.#cluster.leases();
    return this.#cluster.nodes().map((node) => ({
      ...node,
      drain: 'no',
      drainDeadline: undefined,
      leases: leases.filter(({ lease }) => lease.node === node.name).length,
      lastHeard: undefined,
    }));
  }

  leases(): readonly LeaseView[] {
    return this.#cluster.leases().map((record) => this.#lease(record));
  }

  queue(): readonly QueuedView[] {
    return [];
  }

  tenants(): readonly TenantView[] {
    const tenants = new Map<string, TenantView>();
    for (const { tenant, total, usage } of this.leases()) {
      const before = tenants.get(tenant);
      tenants.set(tenant, {
        tenant,
        limits: {},
        held: {
          cores: (before?.held.cores ?? 0) + total.cores,
          memoryMiB: (before?.held.memoryMiB ?? 0) + total.memoryMiB,
          gpus: (before?.held.gpus ?? 0) + total.gpus,
        },
        leases: (before?.leases ?? 0) + 1,
        queued: 0,
        usage: sum(before?.usage ?? nothing, usage),
      });
    }
    return [...tenants.values()];
  }

  async *bills({ tenant, to }: BillQuery = {}): AsyncGenerator<Bill> {
    for (const lease of to === undefined ? this.leases() : []) {
      if (tenant === undefined || tenant === lease.tenant) {
        const { leaseId, total: leased, since: start, ending: reason, usage, shares } = lease;
        const nodes = shares.map(({ node }) => node);
        yield { leaseId, tenant: lease.tenant, nodes, leased, start, end: undefined, reason, usage };
      }
    }
  }

  async addNode(description: NodeDescription): Promise<void> {
    this.#cluster.preload(description);
  }

  async drainNode(): Promise<void> {
    throw new RfaasError('RFAAS_ERR_UNSUPPORTED', 'this resource manager does not drain nodes yet');
  }

  async resumeNode(): Promise<void> {
    throw new RfaasError('RFAAS_ERR_UNSUPPORTED', 'this resource manager does not drain nodes yet');
  }

  async removeNode(name: string): Promise<void> {
    this.#cluster.removeNode(name);
    await this.#dismiss(name);
  }

  async endLease(leaseId: string): Promise<void> {
    const lease = this.leases().find((each) => each.leaseId === leaseId);
    if (lease === undefined) {
      throw new RfaasError('RFAAS_ERR_LEASE_UNKNOWN', `no lease ${leaseId} is open`);
    }
    this.#cluster.release(lease.tenant, leaseId);
  }

  async setLimits(): Promise<void> {
    throw new RfaasError('RFAAS_ERR_UNSUPPORTED', 'this resource manager does not limit tenants yet');
  }

  #lease({ lease, ending }: LeaseRecord): LeaseView {
    const { leaseId, tenant, generation, notBefore: since, expiry, node, cores, memoryMiB, gpus } = lease;
    const total = { cores, memoryMiB, gpus };
    const usage = this.#cluster.usage(tenant, leaseId);
    const shares = [{ node, ...total, freed: false }];
    return { leaseId, tenant, generation, since, expiry, total, shares, ending, usage };
  }
}

function sum(a: Usage, b: Usage): Usage {
  return {
    allocations: a.allocations + b.allocations,
    invocations: a.invocations + b.invocations,
    hotPollingNs: a.hotPollingNs + b.hotPollingNs,
    executionNs: a.executionNs + b.executionNs,
    coreNanoseconds: a.coreNanoseconds + b.coreNanoseconds,
  };
}
