import { RfaasError } from '@rfaas/core';
import type { HttpCaller } from '@rfaas/core/http';
import { z } from 'zod';
import type { ClusterConsole, LeaseView, QueuedView } from '../../cluster/cluster-view.ts';
import { everyRole, maySeeLease } from '../guard.ts';
import type { HttpApp } from '../http-app.ts';
import { pageOf, pageQuery, type Listed } from '../paging.ts';
import { errorBody } from '../schemas/common-schemas.ts';
import { lease, leaseOf, leaseParameters, leaseQuery, queued, queuedOf } from '../schemas/lease-schemas.ts';
import type { RouteOptions } from './route-options.ts';

const tags = ['leases'];

const listedLeases: Listed<LeaseView> = {
  key: ({ leaseId }) => leaseId,
  texts: ({ leaseId, tenant, shares }) => [leaseId, tenant, ...shares.map(({ node }) => node)],
};
/** In the order in which they came: the first of a tenant is served first. */
const listedQueue: Listed<QueuedView> = {
  key: ({ since, leaseId }) => `${String(Math.floor(since)).padStart(13, '0')}-${leaseId}`,
  texts: ({ leaseId, tenant }) => [leaseId, tenant],
};

/** `GET /leases`, `GET` and `DELETE /leases/ID`, `GET /queue`. Tenants and nodes see their own. */
export function addLeaseRoutes(app: HttpApp, options: RouteOptions): void {
  addReading(app, options);
  addEnding(app, options);
}

function addReading(app: HttpApp, { console }: RouteOptions): void {
  app.get(
    '/leases',
    {
      config: { roles: everyRole },
      schema: {
        tags,
        summary: 'Leases that hold something, with what they have used',
        querystring: leaseQuery,
        response: { 200: z.array(lease) },
      },
    },
    async (request, reply) => {
      const { query, caller } = request;
      const leases = console
        .leases()
        .filter((view) => maySeeLease(caller, view))
        .filter(({ tenant }) => query.tenant === undefined || query.tenant === tenant)
        .filter(
          ({ shares }) => query.node === undefined || shares.some((share) => share.node === query.node),
        );
      return pageOf(leases, listedLeases, request, reply).map(leaseOf);
    },
  );
  app.get(
    '/leases/:lease',
    {
      config: { roles: everyRole },
      schema: {
        tags,
        summary: 'One lease',
        params: leaseParameters,
        response: { 200: lease, 404: errorBody },
      },
    },
    async ({ params, caller }) => leaseOf(findLease(console, params.lease, caller)),
  );
  app.get(
    '/queue',
    {
      config: { roles: ['operator', 'monitor', 'tenant'] },
      schema: {
        tags,
        summary: 'Requests that wait for resources',
        querystring: pageQuery,
        response: { 200: z.array(queued) },
      },
    },
    async (request, reply) => {
      const { caller } = request;
      const waiting = console
        .queue()
        .filter(({ tenant }) => caller.role !== 'tenant' || caller.name === tenant);
      return pageOf(waiting, listedQueue, request, reply).map(queuedOf);
    },
  );
}

function addEnding(app: HttpApp, { console, logger }: RouteOptions): void {
  app.delete(
    '/leases/:lease',
    {
      config: { roles: ['operator', 'tenant'] },
      schema: {
        tags,
        summary: 'Ends a lease; its cores are free once its nodes have confirmed that',
        params: leaseParameters,
        response: { 202: z.object({ released: z.string() }), 404: errorBody },
      },
    },
    async ({ params, caller, id }, reply) => {
      const { leaseId, tenant } = findLease(console, params.lease, caller);
      await console.endLease(leaseId);
      logger.info('lease released', { requestId: id, leaseId, tenant, by: caller.role });
      return reply.code(202).send({ released: leaseId });
    },
  );
}

/** A lease that is another's is as unknown as one that never was. */
function findLease(console: ClusterConsole, id: string, caller: HttpCaller): LeaseView {
  const found = console.leases().find(({ leaseId }) => leaseId === id);
  if (found === undefined || !maySeeLease(caller, found)) {
    throw new RfaasError('RFAAS_ERR_LEASE_UNKNOWN', `no lease ${id} is open`, { details: { leaseId: id } });
  }
  return found;
}
