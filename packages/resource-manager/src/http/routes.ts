import { rfaasErrors, RfaasError, errorFields, refusalOf, refusalCode, type Logger } from '@rfaas/core';
import { Hono, type Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Cluster } from '../cluster/cluster.ts';
import type { NodeDescription } from '../cluster/executor-registry.ts';
import { checkAccess } from './access-check.ts';
import { addBody, checkRequest, nodeQuery } from './request-schemas.ts';

/** What the HTTP interface answers with. */
export interface RouteOptions {
  readonly cluster: Cluster;
  /** The bearer token, or `undefined` to check nothing (`--insecure`). */
  readonly token: string | undefined;
  readonly version: string;
  /** The URL of a node that is known by address and port. @throws RfaasError for one that cannot be reached */
  readonly nodeUrl: (address: string, port: number) => string;
  /** Ends the leases of a node, its connection and what is known of it. */
  readonly removeNode: (name: string) => Promise<void>;
  readonly logger: Logger;
}

/** The longest body of a request. */
const maxBodyBytes = 16 * 1024;

/** The HTTP interface: `GET /nodes`, `/leases`, `/health`, `POST /add` and `/remove`. Every answer is JSON. */
export function createRoutes(options: RouteOptions): Hono {
  const { cluster, token } = options;
  const app = new Hono();
  app.onError((error, context) => answerError(context, error, options.logger));
  app.notFound((context) =>
    answerError(
      context,
      new RfaasError('RFAAS_ERR_USAGE', `there is no ${context.req.method} ${context.req.path}`),
      options.logger,
      404,
    ),
  );
  app.use(async (context, next) => {
    if (token !== undefined) {
      const { req } = context;
      checkAccess(
        {
          authorization: req.header('authorization'),
          host: req.header('host'),
          origin: req.header('origin'),
        },
        token,
      );
    }
    await next();
  });
  app.use(
    bodyLimit({
      maxSize: maxBodyBytes,
      onError: () => {
        throw new RfaasError('RFAAS_ERR_INPUT_TOO_LARGE', `a body has at most ${maxBodyBytes} bytes here`);
      },
    }),
  );
  app.get('/nodes', (context) => context.json(listNodes(cluster)));
  app.get('/leases', (context) => context.json(listLeases(cluster)));
  app.get('/health', (context) => context.json(health(cluster, options.version)));
  addChanges(app, options);
  return app;
}

function addChanges(app: Hono, options: RouteOptions): void {
  app.post('/add', async (context) => {
    const { node: name } = checkRequest(nodeQuery, context.req.query(), 'query');
    const body = checkRequest(addBody, await readJson(context), 'body');
    const node: NodeDescription = {
      name,
      url: options.nodeUrl(body.ip_address, body.port),
      cores: body.cores,
      memoryMiB: body.memory,
      gpus: body.gpus,
    };
    options.cluster.preload(node);
    options.logger.info('node added', {
      node: name,
      url: node.url,
      cores: node.cores,
      memoryMiB: node.memoryMiB,
    });
    return context.json({ added: name });
  });
  app.post('/remove', async (context) => {
    const { node: name } = checkRequest(nodeQuery, context.req.query(), 'query');
    await options.removeNode(name);
    return context.json({ removed: name });
  });
}

function listNodes(cluster: Cluster): readonly object[] {
  return cluster.nodes().map((node) => ({
    name: node.name,
    url: node.url,
    state: node.state,
    cores: node.cores,
    freeCores: node.free.cores,
    memoryMiB: node.memoryMiB,
    freeMemoryMiB: node.free.memoryMiB,
    gpus: node.gpus,
    freeGpus: node.free.gpus,
    // A decimal text: JSON numbers do not hold 64 bits.
    incarnation: node.incarnation.toString(),
  }));
}

function listLeases(cluster: Cluster): readonly object[] {
  return cluster.leases().map(({ lease, ending }) => ({
    id: lease.leaseId,
    tenant: lease.tenant,
    node: lease.node,
    cores: lease.cores,
    memoryMiB: lease.memoryMiB,
    gpus: lease.gpus,
    since: new Date(lease.notBefore).toISOString(),
    expiry: new Date(lease.expiry).toISOString(),
    state: ending === undefined ? 'running' : 'ending',
    ...(ending === undefined ? {} : { reason: ending }),
    usage: cluster.usage(lease.tenant, lease.leaseId),
  }));
}

function health(cluster: Cluster, version: string): object {
  const nodes = cluster.nodes();
  return {
    status: 'ok',
    version,
    nodes: nodes.length,
    connectedNodes: nodes.filter(({ state }) => state === 'connected').length,
    leases: cluster.leases().length,
    uptimeSeconds: Math.floor(process.uptime()),
  };
}

async function readJson(context: Context): Promise<unknown> {
  const text = await context.req.text();
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new RfaasError('RFAAS_ERR_USAGE', 'body is not JSON', { cause: error });
  }
}

function answerError(
  context: Context,
  error: unknown,
  logger: Logger,
  status?: ContentfulStatusCode,
): Response {
  const refusal = refusalOf(error);
  const code = refusalCode(refusal.code);
  if (code === 'RFAAS_ERR_INTERNAL') {
    logger.error('HTTP request failed', { path: context.req.path, ...errorFields(error) });
  }
  return context.json(
    { error: { code, message: refusal.text } },
    status ?? (rfaasErrors[code].httpStatus as ContentfulStatusCode),
  );
}
