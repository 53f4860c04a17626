import { httpRoles } from '@rfaas/core/http';
import { z } from 'zod';
import { everyRole } from '../guard.ts';
import type { HttpApp } from '../http-app.ts';
import type { RouteOptions } from './route-options.ts';

const health = z.object({
  status: z.literal('ok'),
  version: z.string(),
  role: z.enum(['leader', 'standby']),
  leader: z
    .object({ name: z.string(), url: z.string(), httpUrl: z.string() })
    .nullable()
    .describe('Who leads the cluster; null while nobody does'),
  // Of a standby, which knows only who leads: 0.
  nodes: z.int(),
  connectedNodes: z.int(),
  leases: z.int(),
  queued: z.int(),
  uptimeSeconds: z.int(),
});

const readiness = z.object({ ready: z.boolean(), reason: z.string().nullable() });

const whoami = z.object({ role: z.enum(httpRoles), name: z.string() });

/** `GET /health`: the process lives. `GET /ready`: it can grant leases; 503 if it cannot. `GET /whoami`: whose token it is. */
export function addHealthRoutes(app: HttpApp, { console, version, unready, standing }: RouteOptions): void {
  const tags = ['health'];
  app.get(
    '/health',
    {
      config: { roles: everyRole },
      schema: { tags, summary: 'The process lives', response: { 200: health } },
    },
    async () => {
      const { isLeader, leader = null } = standing();
      const nodes = isLeader ? console.nodes() : [];
      return {
        status: 'ok' as const,
        version,
        role: isLeader ? ('leader' as const) : ('standby' as const),
        leader,
        nodes: nodes.length,
        connectedNodes: nodes.filter(({ state }) => state === 'connected').length,
        leases: isLeader ? console.leases().length : 0,
        queued: isLeader ? console.queue().length : 0,
        uptimeSeconds: Math.floor(process.uptime()),
      };
    },
  );
  app.get(
    '/whoami',
    {
      config: { roles: everyRole },
      schema: { tags, summary: 'Whose token this is', response: { 200: whoami } },
    },
    async ({ caller }) => caller,
  );
  app.get(
    '/ready',
    {
      config: { roles: everyRole },
      schema: {
        tags,
        summary: 'Whether leases can be granted',
        response: { 200: readiness, 503: readiness },
      },
    },
    async (_request, reply) => {
      const reason = unready() ?? null;
      return reply.code(reason === null ? 200 : 503).send({ ready: reason === null, reason });
    },
  );
}
