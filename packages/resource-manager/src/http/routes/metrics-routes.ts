import { z } from 'zod';
import { clusterTotals } from '../../metrics/cluster-totals.ts';
import type { HttpApp } from '../http-app.ts';
import { moment } from '../schemas/common-schemas.ts';
import type { RouteOptions } from './route-options.ts';

const share = z.object({ all: z.int(), free: z.int() });
const seconds = z.number().nullable();

const stats = z
  .object({
    time: moment,
    uptimeSeconds: z.number(),
    nodes: z.object({ all: z.int(), connected: z.int(), draining: z.int(), lost: z.int() }),
    cores: share.meta({ description: 'Of nodes that can be reached' }),
    memoryMiB: share,
    leases: z.object({ running: z.int(), ending: z.int() }),
    queued: z.int(),
    usage: z.object({ invocations: z.number(), coreSeconds: z.number() }),
    totals: z
      .object({ granted: z.int(), refused: z.int(), renewed: z.int(), ended: z.int() })
      .meta({ description: 'Counted since the start of this process' }),
    grantLatency: z
      .object({ count: z.int(), p50: seconds, p99: seconds })
      .meta({ description: 'Seconds from a lease request to its answer, over the last minute' }),
  })
  .meta({ id: 'Stats' });

/** `GET /metrics` for Prometheus, `GET /stats` for live views. */
export function addMetricsRoutes(app: HttpApp, { console, metrics, now, steadyNow }: RouteOptions): void {
  const config = { roles: ['operator', 'monitor'] } as const;
  const tags = ['metrics'];
  app.get(
    '/metrics',
    {
      config,
      schema: {
        tags,
        summary: 'Everything that is counted and measured, for Prometheus',
        produces: ['text/plain'],
        response: { 200: z.string() },
      },
    },
    async (_request, reply) => {
      const text = await metrics.text();
      return reply.type(metrics.contentType).serializer(String).send(text);
    },
  );
  app.get(
    '/stats',
    { config, schema: { tags, summary: 'The cluster in a few numbers', response: { 200: stats } } },
    async () => ({
      time: new Date(now()).toISOString(),
      uptimeSeconds: process.uptime(),
      ...clusterTotals(console),
      totals: metrics.totals(),
      grantLatency: metrics.recentGrants(steadyNow()),
    }),
  );
}
