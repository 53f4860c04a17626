import { randomUUID } from 'node:crypto';
import rateLimit from '@fastify/rate-limit';
import { RfaasError, type Logger } from '@rfaas/core';
import { createLimitedServer, type TlsFiles } from '@rfaas/core/http';
import fastify, { type FastifyBaseLogger, type FastifyInstance, type RawServerDefault } from 'fastify';
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ManagerMetrics } from '../metrics/manager-metrics.ts';
import type { Authenticate } from './authenticator.ts';
import { answerClientError, answerError, pathOf, type ErrorLog } from './error-answers.ts';
import { createGuard, rateKey, type CheckRate } from './guard.ts';

/** An HTTP interface whose routes have zod schemas. */
export type HttpApp = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/** How an HTTP interface is protected. */
export interface HttpAppOptions {
  readonly authenticate: Authenticate;
  /** `undefined`: plain HTTP. */
  readonly tls: TlsFiles | undefined;
  /** Names that this host is reached by, besides its addresses. `undefined`: any (`--insecure`). */
  readonly hostNames: readonly string[] | undefined;
  /** What one caller may ask for. */
  readonly requestsPerSecond: number;
  readonly metrics: ManagerMetrics;
  readonly logger: Logger;
}

/** The longest body of a request. */
export const maxBodyBytes = 16 * 1024;

/** An HTTP interface with its limits, its guard and its errors, still without routes. */
export async function createHttpApp(options: HttpAppOptions): Promise<HttpApp> {
  const { authenticate, tls, hostNames, logger, metrics } = options;
  const errors: ErrorLog = { logger, count: (code) => metrics.failedHttp(code) };
  const scheme = tls === undefined ? 'http' : 'https';
  const app = fastify({
    serverFactory: (handler) => createLimitedServer(handler, tls),
    bodyLimit: maxBodyBytes,
    forceCloseConnections: true,
    genReqId: () => randomUUID(),
    clientErrorHandler: answerClientError,
    logger: false,
    routerOptions: { maxParamLength: 200 },
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler((error, request, reply) => answerError(error, request, reply, errors));
  app.setNotFoundHandler((request, reply) => {
    const missing = new RfaasError('RFAAS_ERR_USAGE', `there is no ${request.method} ${pathOf(request)}`);
    return answerError(missing, request, reply, errors, 404);
  });
  takeJsonOnly(app);
  app.decorateRequest('caller', null as never);
  await app.register(rateLimit, { global: false });
  app.addHook('onRequest', async (request, reply) => {
    void reply.headers({
      'x-request-id': request.id,
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    });
  });
  const checkRate = rateCheck(app, options.requestsPerSecond);
  app.addHook('onRequest', createGuard({ authenticate, checkRate, scheme, hostNames }));
  recordRequests(app, logger, metrics);
  return app;
}

/** One line in the log and one measurement for every request; what only reads is logged where everything is. */
function recordRequests(app: HttpApp, logger: Logger, metrics: ManagerMetrics): void {
  app.addHook('onResponse', async (request, reply) => {
    const { method, id: requestId, is404 } = request;
    const caller = request.caller as typeof request.caller | null;
    metrics.answeredHttp(
      method,
      is404 ? 'none' : (request.routeOptions.url ?? 'none'),
      reply.statusCode,
      reply.elapsedTime / 1000,
    );
    logger[method === 'GET' ? 'debug' : 'info']('HTTP request', {
      requestId,
      method,
      path: pathOf(request),
      status: reply.statusCode,
      milliseconds: Math.round(reply.elapsedTime * 1000) / 1000,
      role: caller?.role,
      caller: caller?.name,
    });
  });
}

function rateCheck(app: HttpApp, max: number): CheckRate {
  const check = app.createRateLimit({ max, timeWindow: 1000, keyGenerator: rateKey });
  return async (request) => {
    const limit = await check(request);
    return { waitSeconds: !limit.isAllowed && limit.isExceeded ? limit.ttlInSeconds : 0 };
  };
}

/** Bodies are JSON whatever their type is called: the reference's scripts name none. */
function takeJsonOnly(app: HttpApp): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, app.getDefaultJsonParser('error', 'error'));
}
