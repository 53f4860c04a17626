import type { Bill, LeaseView, NodeView, QueuedView, TenantView } from './cluster-view.ts';
import { wantedResources } from './lease-demand.ts';
import type { LeaseDesk, LeaseDeskParts } from './lease-desk.ts';
import type { LeaseKeeper } from './lease-keeper.ts';
import { isTaken, totalResources, type LeaseRecord } from './lease-record.ts';
import type { NodeKeeper } from './node-keeper.ts';
import type { PlacementIndex } from './placement/placement-index.ts';
import type { QueuedLease } from './queued-lease.ts';
import type { WaitingRequest } from './tenants/lease-queue.ts';
import type { TenantQuotas } from './tenants/tenant-quotas.ts';
import type { UsageLedger } from './usage-ledger.ts';
import { noUsage } from './usage-sum.ts';
import { wallTime } from './wall-time.ts';

/** A lease as the interfaces for operators see it. */
export function leaseView(record: LeaseRecord, ledger: UsageLedger): LeaseView {
  return {
    leaseId: record.leaseId,
    tenant: record.tenant,
    generation: record.generation,
    since: record.notBefore,
    expiry: record.expiry,
    total: totalResources(record.shares),
    shares: record.shares.map((share) => {
      const { node, cores, memoryMiB, gpus } = share;
      return { node, cores, memoryMiB, gpus, freed: !isTaken(share) };
    }),
    ending: record.ending,
    usage: ledger.account(record.leaseId)?.bill.usage ?? noUsage,
  };
}

/** What there is now, as the interfaces for operators see it. Everything is copied; times are those of the host's clock. */
export class ClusterViews {
  readonly #nodes: NodeKeeper;
  readonly #leases: LeaseKeeper;
  readonly #desk: LeaseDesk;
  readonly #placement: PlacementIndex;
  readonly #quotas: TenantQuotas;
  readonly #shown: (time: number) => number;

  constructor({ options, nodes, leases, placement, quotas }: LeaseDeskParts, desk: LeaseDesk) {
    const { clock, wallClock = clock } = options;
    this.#shown = (time) => wallTime(time, clock, wallClock);
    this.#nodes = nodes;
    this.#leases = leases;
    this.#desk = desk;
    this.#placement = placement;
    this.#quotas = quotas;
  }

  /** In the order in which they came. */
  nodes(): readonly NodeView[] {
    return this.#nodes.registry.list().map(({ isLeaving: _isLeaving, ...node }) => ({
      ...node,
      drainDeadline: this.#shownOrNot(node.drainDeadline),
      free: this.#placement.free(node.name),
      leases: this.#leases.table.countOnNode(node.name),
      lastHeard: this.#shownOrNot(this.#nodes.lastHeard(node.name)),
    }));
  }

  leases(): readonly LeaseView[] {
    return this.#leases.table.list().map((record) => {
      const view = leaseView(record, this.#leases.ledger);
      return { ...view, since: this.#shown(view.since), expiry: this.#shown(view.expiry) };
    });
  }

  /** In the order in which they came. */
  queue(): readonly QueuedView[] {
    const { queue } = this.#desk;
    return queue.list().map((entry) => {
      const view = queuedView(entry, queue.position(entry.id) ?? 0);
      return { ...view, since: this.#shown(view.since), deadline: this.#shown(view.deadline) };
    });
  }

  /** Those that have, wait for, or have had leases, or have limits of their own, by name. */
  tenants(): readonly TenantView[] {
    const { table, ledger } = this.#leases;
    const { queue } = this.#desk;
    const waiting = queue.list().map(({ tenant }) => tenant);
    const names = new Set([...this.#quotas.tenants(), ...ledger.tenants(), ...table.tenants(), ...waiting]);
    return [...names].sort().map((tenant) => {
      const { leases, ...held } = table.holdings(tenant);
      return {
        tenant,
        limits: this.#quotas.limits(tenant),
        held,
        leases,
        queued: queue.waiting(tenant),
        usage: ledger.tenantUsage(tenant),
      };
    });
  }

  /** The bills of leases that hold something. */
  openBills(): readonly Bill[] {
    return this.#leases.ledger.openBills();
  }

  #shownOrNot(time: number | undefined): number | undefined {
    return time === undefined ? undefined : this.#shown(time);
  }
}

function queuedView(
  { id, tenant, since, deadline, request: { placement } }: WaitingRequest<QueuedLease>,
  position: number,
): QueuedView {
  const nodes = placement.distinctNodes ? placement.parts : 0;
  return { leaseId: id, tenant, position, since, deadline, wanted: wantedResources(placement), nodes };
}
