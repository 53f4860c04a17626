import { Readable } from 'node:stream';
import { configFields, RfaasError } from '@rfaas/core';
import { z } from 'zod';
import type { HttpApp } from '../http-app.ts';
import { errorBody } from '../schemas/common-schemas.ts';
import { bill } from '../schemas/lease-schemas.ts';
import { formatBills, usageFormats, usageMediaTypes } from '../usage-formats.ts';
import type { RouteOptions } from './route-options.ts';

const instant = z.iso
  .datetime({ offset: true })
  .or(z.iso.date())
  .meta({ description: 'A moment or a day, ISO 8601' });

const usageQuery = z.strictObject({
  tenant: configFields.entityName.optional(),
  from: instant.optional().meta({ description: 'Leases that ended at this moment or later' }),
  to: instant.optional().meta({ description: 'Leases that ended before; without it, open ones too' }),
  format: z.enum(usageFormats).default('json'),
});

/** `GET /usage`: bills as JSON, CSV, or what Slurm's `sacct` prints. A tenant gets its own. */
export function addUsageRoutes(app: HttpApp, { console, now }: RouteOptions): void {
  app.get(
    '/usage',
    {
      config: { roles: ['operator', 'monitor', 'tenant'] },
      schema: {
        tags: ['usage'],
        summary: 'Bills of leases; see the parameter "format"',
        querystring: usageQuery,
        response: { 200: z.array(bill), 403: errorBody },
      },
    },
    async ({ query, caller }, reply) => {
      if (caller.role === 'tenant' && query.tenant !== undefined && query.tenant !== caller.name) {
        throw new RfaasError('RFAAS_ERR_FORBIDDEN', `"${caller.name}" may not see the bills of others`);
      }
      const tenant = caller.role === 'tenant' ? caller.name : query.tenant;
      const bills = console.bills({
        ...(tenant === undefined ? {} : { tenant }),
        ...(query.from === undefined ? {} : { from: Date.parse(query.from) }),
        ...(query.to === undefined ? {} : { to: Date.parse(query.to) }),
      });
      const text = Readable.from(formatBills(bills, query.format, now()));
      // A stream passes the serializer by: its schema is what the JSON format has.
      return reply.type(usageMediaTypes[query.format]).send(text as never);
    },
  );
}
