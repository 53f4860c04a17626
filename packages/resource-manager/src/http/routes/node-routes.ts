import { RfaasError } from '@rfaas/core';
import { z } from 'zod';
import type { HttpCaller } from '@rfaas/core/http';
import type { ClusterConsole, NodeView } from '../../cluster/cluster-view.ts';
import { checkOwnNode, everyRole, maySeeLease } from '../guard.ts';
import type { HttpApp } from '../http-app.ts';
import { pageOf, pageQuery, type Listed } from '../paging.ts';
import { errorBody, nodeParameters, nodeQuery } from '../schemas/common-schemas.ts';
import { addBody, drainBody, node, nodeOf } from '../schemas/node-schemas.ts';
import type { RouteOptions } from './route-options.ts';

const tags = ['nodes'];
const ofNodes = { roles: ['operator', 'node'] } as const;

/** `GET /nodes`, `GET /nodes/NAME`, drain, and the reference's `POST /add` and `POST /remove`. */
export function addNodeRoutes(app: HttpApp, options: RouteOptions): void {
  addReading(app, options);
  addMembership(app, options);
  addDrainRoutes(app, options);
}

function addReading(app: HttpApp, { console }: RouteOptions): void {
  app.get(
    '/nodes',
    {
      config: { roles: everyRole },
      schema: {
        tags,
        summary:
          'Nodes and what is free on them; "match" also finds the nodes of a tenant that the caller may see',
        querystring: pageQuery,
        response: { 200: z.array(node) },
      },
    },
    async (request, reply) => {
      const holders = request.query.match === undefined ? undefined : holdersByNode(console, request.caller);
      const listed: Listed<NodeView> = {
        key: ({ name }) => name,
        texts: ({ name, state, drain }) => [name, state, drain, ...(holders?.get(name) ?? [])],
      };
      return pageOf(console.nodes(), listed, request, reply).map(nodeOf);
    },
  );
  app.get(
    '/nodes/:node',
    {
      config: { roles: everyRole },
      schema: {
        tags,
        summary: 'One node',
        params: nodeParameters,
        response: { 200: node, 404: errorBody },
      },
    },
    async ({ params }) => nodeOf(findNode(console.nodes(), params.node)),
  );
}

function addMembership(app: HttpApp, options: RouteOptions): void {
  const { console, logger } = options;
  app.post(
    '/add',
    {
      config: ofNodes,
      schema: {
        tags,
        summary: 'Adds a node that leases may go to before its executor manager registers',
        querystring: nodeQuery,
        body: addBody,
        response: { 200: z.object({ added: z.string() }), 409: errorBody },
      },
    },
    async ({ query, body, caller, id }) => {
      checkOwnNode(caller, query.node);
      const url = options.nodeUrl(body.ip_address, body.port);
      const { cores, memory: memoryMiB, gpus } = body;
      await console.addNode({ name: query.node, url, cores, memoryMiB, gpus });
      logger.info('node added', { requestId: id, node: query.node, url, cores, memoryMiB, gpus });
      return { added: query.node };
    },
  );
  app.post(
    '/remove',
    {
      config: ofNodes,
      schema: {
        tags,
        summary: 'Ends the leases of a node and forgets it',
        querystring: nodeQuery,
        response: { 200: z.object({ removed: z.string() }), 404: errorBody },
      },
    },
    async ({ query, caller, id }) => {
      checkOwnNode(caller, query.node);
      await console.removeNode(query.node, options.drainGraceMs);
      logger.info('node removed', { requestId: id, node: query.node, by: caller.role });
      return { removed: query.node };
    },
  );
}

/** `POST /nodes/NAME/drain` and `/resume`. */
function addDrainRoutes(app: HttpApp, { console, logger, drainGraceMs }: RouteOptions): void {
  app.post(
    '/nodes/:node/drain',
    {
      config: ofNodes,
      schema: {
        tags,
        summary: 'No new leases on a node; those that run there are ended after a grace time',
        params: nodeParameters,
        body: drainBody,
        response: { 200: node, 404: errorBody },
      },
    },
    async ({ params, body, caller, id }) => {
      checkOwnNode(caller, params.node);
      const graceMs = body?.graceMs ?? drainGraceMs;
      await console.drainNode(params.node, graceMs);
      logger.info('node draining', { requestId: id, node: params.node, graceMs, by: caller.role });
      return nodeOf(findNode(console.nodes(), params.node));
    },
  );
  app.post(
    '/nodes/:node/resume',
    {
      config: ofNodes,
      schema: {
        tags,
        summary: 'Takes a node back into service',
        params: nodeParameters,
        response: { 200: node, 404: errorBody },
      },
    },
    async ({ params, caller, id }) => {
      checkOwnNode(caller, params.node);
      await console.resumeNode(params.node);
      logger.info('node resumed', { requestId: id, node: params.node, by: caller.role });
      return nodeOf(findNode(console.nodes(), params.node));
    },
  );
}

function findNode(nodes: readonly NodeView[], name: string): NodeView {
  const found = nodes.find((each) => each.name === name);
  if (found === undefined) {
    throw new RfaasError('RFAAS_ERR_NODE_UNKNOWN', `no node is called "${name}"`, {
      details: { node: name },
    });
  }
  return found;
}

/** The tenants of the leases on each node, as far as the caller may see them. */
function holdersByNode(
  console: ClusterConsole,
  caller: HttpCaller,
): ReadonlyMap<string, ReadonlySet<string>> {
  const holders = new Map<string, Set<string>>();
  for (const lease of console.leases().filter((view) => maySeeLease(caller, view))) {
    for (const { node: name, freed } of lease.shares) {
      if (freed) continue;
      const tenants = holders.get(name) ?? new Set();
      holders.set(name, tenants.add(lease.tenant));
    }
  }
  return holders;
}
