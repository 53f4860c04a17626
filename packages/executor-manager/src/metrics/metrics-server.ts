import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { equalSecrets, errorFields, errorMessage, RfaasError, type Logger } from '@rfaas/core';
import {
  bearerToken,
  checkHostAndOrigin,
  createLimitedServer,
  httpUrl,
  type TlsFiles,
} from '@rfaas/core/http';
import type { NodeMetrics } from './node-metrics.ts';

/** What the HTTP interface of a node is started with. */
export interface MetricsServerOptions {
  readonly address: string;
  /** 0: chosen by the system. */
  readonly port: number;
  readonly tls: TlsFiles | undefined;
  /** Any of these is taken; `undefined`: no token is asked for (`insecure`). */
  readonly tokens: readonly string[] | undefined;
  readonly hostNames: readonly string[];
  readonly metrics: NodeMetrics;
  readonly logger: Logger;
}

/** The HTTP interface of a node: `GET /metrics` for Prometheus, `GET /health`. */
export class MetricsServer implements AsyncDisposable {
  /** Where it listens, with the real port. */
  readonly url: string;
  readonly #server: Server;

  private constructor(server: Server, url: string) {
    this.#server = server;
    this.url = url;
  }

  /** @throws RfaasError `RFAAS_ERR_ADDRESS_IN_USE` if it cannot listen there */
  static async listen(options: MetricsServerOptions): Promise<MetricsServer> {
    const { address, port, tls, logger } = options;
    const server = createLimitedServer((request, response) => {
      answer(options, request, response).catch((error: unknown) => {
        logger.error('HTTP request failed', errorFields(error));
        response.destroy();
      });
    }, tls);
    try {
      server.listen({ host: address, port });
      await once(server, 'listening');
    } catch (error) {
      throw new RfaasError(
        'RFAAS_ERR_ADDRESS_IN_USE',
        `cannot listen for HTTP on ${address}:${port}: ${errorMessage(error)}; choose another port, or 0`,
        { cause: error },
      );
    }
    const bound = server.address() as AddressInfo;
    return new MetricsServer(server, httpUrl(tls === undefined ? 'http' : 'https', address, bound.port));
  }

  /** Stops listening and cuts every connection. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

async function answer(
  options: MetricsServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  request.resume();
  response.setHeader('cache-control', 'no-store').setHeader('x-content-type-options', 'nosniff');
  try {
    checkAccess(options, request);
    const body = await bodyOf(options, request);
    response.setHeader('content-type', body.type).end(body.text);
  } catch (error) {
    if (!(error instanceof RfaasError)) {
      throw error;
    }
    const { code, message } = error;
    response.statusCode = code === 'RFAAS_ERR_USAGE' ? 404 : error.httpStatus;
    if (response.statusCode === 401) {
      response.setHeader('www-authenticate', 'Bearer');
    }
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ error: { code, message } }));
  }
}

function checkAccess({ tokens, hostNames, tls }: MetricsServerOptions, { headers }: IncomingMessage): void {
  if (tokens === undefined) {
    return;
  }
  checkHostAndOrigin(headers, tls === undefined ? 'http' : 'https', hostNames);
  const presented = bearerToken(headers.authorization);
  if (presented === undefined || !tokens.some((token) => equalSecrets(token, presented))) {
    throw new RfaasError(
      'RFAAS_ERR_UNAUTHORISED',
      'send "Authorization: Bearer TOKEN" with what "rfaas-resource-manager keys token node NAME" prints, or with the token of http_token_file',
    );
  }
}

async function bodyOf(
  { metrics }: MetricsServerOptions,
  { method, url = '' }: IncomingMessage,
): Promise<{ readonly type: string; readonly text: string }> {
  const path = url.split('?', 1)[0] ?? '';
  if (method === 'GET' && path === '/metrics') {
    return { type: metrics.contentType, text: await metrics.text() };
  }
  if (method === 'GET' && path === '/health') {
    const health = { status: 'ok', uptimeSeconds: Math.floor(process.uptime()) };
    return { type: 'application/json', text: JSON.stringify(health) };
  }
  throw new RfaasError(
    'RFAAS_ERR_USAGE',
    `there is no ${method} ${path}; there are GET /metrics and GET /health`,
  );
}
