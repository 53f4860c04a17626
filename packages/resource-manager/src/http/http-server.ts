import type { AddressInfo } from 'node:net';
import { errorCode, errorMessage, RfaasError } from '@rfaas/core';
import { httpUrl } from '@rfaas/core/http';
import { createHttpApp, type HttpApp, type HttpAppOptions } from './http-app.ts';
import { addOpenApi } from './openapi.ts';
import { addHealthRoutes } from './routes/health-routes.ts';
import { addLeaseRoutes } from './routes/lease-routes.ts';
import { addMetricsRoutes } from './routes/metrics-routes.ts';
import { addNodeRoutes } from './routes/node-routes.ts';
import { addPageRoutes } from './routes/page-routes.ts';
import type { RouteOptions } from './routes/route-options.ts';
import { addTenantRoutes } from './routes/tenant-routes.ts';
import { addUsageRoutes } from './routes/usage-routes.ts';

/** What the interface is made of. */
export interface ApiOptions extends HttpAppOptions, RouteOptions {}

/** What an HTTP server is started with. */
export interface HttpServerOptions extends ApiOptions {
  readonly address: string;
  /** 0: chosen by the system. */
  readonly port: number;
}

/** The HTTP interface of a resource manager, with all its routes. */
export async function createApi(options: ApiOptions): Promise<HttpApp> {
  const app = await createHttpApp(options);
  await addOpenApi(app, options.version);
  addNodeRoutes(app, options);
  addLeaseRoutes(app, options);
  addTenantRoutes(app, options);
  addUsageRoutes(app, options);
  addHealthRoutes(app, options);
  addMetricsRoutes(app, options);
  addPageRoutes(app);
  await app.ready();
  return app;
}

/** A listening HTTP server. */
export class HttpServer implements AsyncDisposable {
  /** Where it listens, with the real port. */
  readonly url: string;
  readonly #app: HttpApp;

  private constructor(app: HttpApp, url: string) {
    this.#app = app;
    this.url = url;
  }

  /** @throws RfaasError `RFAAS_ERR_ADDRESS_IN_USE` if it cannot listen there */
  static async listen(options: HttpServerOptions): Promise<HttpServer> {
    const { address, port, tls } = options;
    const app = await createApi(options);
    try {
      await app.listen({ host: address, port });
    } catch (error) {
      await app.close();
      throw listenError(address, port, error);
    }
    const bound = app.server.address() as AddressInfo;
    return new HttpServer(app, httpUrl(tls === undefined ? 'http' : 'https', address, bound.port));
  }

  /** Stops listening and cuts every connection. */
  async close(): Promise<void> {
    await this.#app.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function listenError(host: string, port: number, cause: unknown): RfaasError {
  const advice =
    errorCode(cause) === 'EADDRINUSE'
      ? 'another program listens there; choose another port, or 0'
      : errorMessage(cause);
  return new RfaasError('RFAAS_ERR_ADDRESS_IN_USE', `cannot listen for HTTP on ${host}:${port}: ${advice}`, {
    cause,
  });
}
