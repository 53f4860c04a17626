import { RfaasError } from '@rfaas/core';
import { z } from 'zod';
import type { ClusterConsole, TenantView } from '../../cluster/cluster-view.ts';
import { noUsage } from '../../cluster/usage-sum.ts';
import type { HttpApp } from '../http-app.ts';
import { pageOf, pageQuery, type Listed } from '../paging.ts';
import { errorBody } from '../schemas/common-schemas.ts';
import { tenant, tenantLimits, tenantOf, tenantParameters } from '../schemas/lease-schemas.ts';
import type { RouteOptions } from './route-options.ts';

const tags = ['tenants'];
const listed: Listed<TenantView> = { key: ({ tenant: name }) => name, texts: ({ tenant: name }) => [name] };
const ofTenants = { roles: ['operator', 'monitor', 'tenant'] } as const;

/** `GET /tenants`, `GET /tenants/NAME`, `PUT /tenants/NAME/limits`. A tenant sees itself. */
export function addTenantRoutes(app: HttpApp, options: RouteOptions): void {
  addReading(app, options);
  addLimits(app, options);
}

function addReading(app: HttpApp, { console }: RouteOptions): void {
  app.get(
    '/tenants',
    {
      config: ofTenants,
      schema: {
        tags,
        summary: 'Tenants with what they hold and may hold',
        querystring: pageQuery,
        response: { 200: z.array(tenant) },
      },
    },
    async (request, reply) => {
      const { caller } = request;
      const visible = console
        .tenants()
        .filter((view) => caller.role !== 'tenant' || caller.name === view.tenant);
      return pageOf(visible, listed, request, reply).map(tenantOf);
    },
  );
  app.get(
    '/tenants/:tenant',
    {
      config: ofTenants,
      schema: {
        tags,
        summary: 'One tenant',
        params: tenantParameters,
        response: { 200: tenant, 403: errorBody },
      },
    },
    async ({ params, caller }) => {
      if (caller.role === 'tenant' && caller.name !== params.tenant) {
        throw new RfaasError('RFAAS_ERR_FORBIDDEN', `"${caller.name}" may not see other tenants`);
      }
      return findTenant(console, params.tenant);
    },
  );
}

function addLimits(app: HttpApp, { console, logger }: RouteOptions): void {
  app.put(
    '/tenants/:tenant/limits',
    {
      schema: {
        tags,
        summary: 'Replaces what a tenant may have at most',
        params: tenantParameters,
        body: tenantLimits,
        response: { 200: tenantLimits },
      },
    },
    async ({ params, body, id }) => {
      const { cores, memoryMiB, leases, coreSeconds } = body;
      await console.setLimits(params.tenant, {
        ...(cores === undefined ? {} : { cores }),
        ...(memoryMiB === undefined ? {} : { memoryMiB }),
        ...(leases === undefined ? {} : { leases }),
        ...(coreSeconds === undefined ? {} : { coreSeconds }),
      });
      logger.info('limits set', { requestId: id, tenant: params.tenant, limits: body });
      return body;
    },
  );
}

const nobody = { cores: 0, memoryMiB: 0, gpus: 0 };

/** Every name is that of a tenant: the cluster key makes its credential. */
function findTenant(console: ClusterConsole, name: string): z.input<typeof tenant> {
  const found = console.tenants().find((view) => view.tenant === name);
  return tenantOf(found ?? { tenant: name, limits: {}, held: nobody, leases: 0, queued: 0, usage: noUsage });
}
