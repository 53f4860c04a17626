import { configFields, type Usage } from '@rfaas/core';
import { z } from 'zod';
import type { Bill, LeaseView, QueuedView, TenantView } from '../../cluster/cluster-view.ts';
import { pageQuery } from '../paging.ts';
import { leaseId, moment, resources, usage } from './common-schemas.ts';
import { isoOrNull } from './node-schemas.ts';

/** A lease as it is listed. */
export const lease = resources
  .extend({
    id: leaseId,
    tenant: z.string(),
    state: z.enum(['running', 'ending']),
    reason: z.string().nullable().meta({ description: 'Why it ends; null while it runs' }),
    generation: z.int().meta({ description: 'Counts up with each renewal' }),
    since: moment,
    expiry: moment,
    shares: z
      .array(
        resources.extend({
          node: z.string(),
          freed: z.boolean().meta({ description: 'Nothing runs there any more' }),
        }),
      )
      .meta({ description: 'What it holds on each of its nodes' }),
    usage,
  })
  .meta({ id: 'Lease' });

/** `/leases/ID`. */
export const leaseParameters = z.strictObject({ lease: leaseId });

/** Which leases are listed. */
export const leaseQuery = pageQuery.extend({
  tenant: configFields.entityName.optional(),
  node: configFields.entityName.optional(),
});

/** A request that waits for resources. */
export const queued = z
  .object({
    id: leaseId.meta({ description: 'Identifier of the lease that it will be' }),
    tenant: z.string(),
    position: z.int().meta({ description: 'From 1, among the requests of its tenant' }),
    since: moment,
    deadline: moment.meta({ description: 'When it is refused' }),
    wanted: resources,
    nodes: z.int().meta({ description: 'Nodes that are wanted; 0: as many as are needed' }),
  })
  .meta({ id: 'QueuedRequest' });

/** What a tenant may have at most; what is not there is not limited. */
export const tenantLimits = z.strictObject({
  cores: z.int().min(0).optional(),
  memoryMiB: z.int().min(0).optional(),
  leases: z.int().min(0).optional(),
  coreSeconds: z.number().min(0).optional(),
});

/** A tenant as it is listed. */
export const tenant = z
  .object({
    name: z.string(),
    limits: tenantLimits,
    held: resources,
    leases: z.int(),
    queued: z.int(),
    usage,
  })
  .meta({ id: 'Tenant' });

/** `/tenants/NAME`. */
export const tenantParameters = z.strictObject({ tenant: configFields.entityName });

/** The bill of one lease. */
export const bill = resources
  .extend({
    lease: leaseId,
    tenant: z.string(),
    nodes: z.array(z.string()),
    start: moment,
    end: moment.nullable().meta({ description: 'null while it is open' }),
    reason: z.string().nullable(),
    usage,
  })
  .meta({ id: 'Bill' });

/** A lease for {@link lease}. */
export function leaseOf(view: LeaseView): z.input<typeof lease> {
  return {
    id: view.leaseId,
    tenant: view.tenant,
    state: view.ending === undefined ? 'running' : 'ending',
    reason: view.ending ?? null,
    generation: view.generation,
    since: new Date(view.since).toISOString(),
    expiry: new Date(view.expiry).toISOString(),
    ...resourcesOf(view.total),
    shares: view.shares.map((share) => ({ node: share.node, freed: share.freed, ...resourcesOf(share) })),
    usage: usageOf(view.usage),
  };
}

/** A queued request for {@link queued}. */
export function queuedOf(view: QueuedView): z.input<typeof queued> {
  return {
    id: view.leaseId,
    tenant: view.tenant,
    position: view.position,
    since: new Date(view.since).toISOString(),
    deadline: new Date(view.deadline).toISOString(),
    wanted: resourcesOf(view.wanted),
    nodes: view.nodes,
  };
}

/** A tenant for {@link tenant}. */
export function tenantOf(view: TenantView): z.input<typeof tenant> {
  return {
    name: view.tenant,
    limits: view.limits,
    held: resourcesOf(view.held),
    leases: view.leases,
    queued: view.queued,
    usage: usageOf(view.usage),
  };
}

/** A bill for {@link bill}. */
export function billOf(view: Bill): z.input<typeof bill> {
  return {
    lease: view.leaseId,
    tenant: view.tenant,
    nodes: [...view.nodes],
    ...resourcesOf(view.leased),
    start: new Date(view.start).toISOString(),
    end: isoOrNull(view.end),
    reason: view.reason ?? null,
    usage: usageOf(view.usage),
  };
}

/** What was used, in seconds, for {@link usage}. */
export function usageOf(used: Usage): z.input<typeof usage> {
  return {
    allocations: used.allocations,
    invocations: used.invocations,
    coreSeconds: used.coreNanoseconds / 1e9,
    memoryMiBSeconds: used.mebibyteMilliseconds / 1e3,
    hotPollingSeconds: used.hotPollingNs / 1e9,
    executionSeconds: used.executionNs / 1e9,
  };
}

function resourcesOf({ cores, memoryMiB, gpus }: z.output<typeof resources>): z.input<typeof resources> {
  return { cores, memoryMiB, gpus };
}
