import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { errorCode, errorMessage, RfaasError } from '@rfaas/core';
import type { Hono } from 'hono';

/** How long a request may take to arrive. */
const requestTimeoutMs = 10_000;

/** A listening HTTP server. */
export class HttpServer implements AsyncDisposable {
  /** Where it listens, with the real port. */
  readonly url: string;
  readonly #server: Server;

  private constructor(server: Server, url: string) {
    this.#server = server;
    this.url = url;
  }

  /** @throws RfaasError `RFAAS_ERR_ADDRESS_IN_USE` if it cannot listen there */
  static async listen(routes: Hono, host: string, port: number): Promise<HttpServer> {
    const handle = getRequestListener(routes.fetch);
    const server = createServer(
      { requestTimeout: requestTimeoutMs },
      (request, response) => void handle(request, response),
    );
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject).listen({ host, port }, resolve);
      });
    } catch (error) {
      throw listenError(host, port, error);
    }
    const { port: bound } = server.address() as AddressInfo;
    return new HttpServer(server, `http://${host.includes(':') ? `[${host}]` : host}:${bound}`);
  }

  /** Stops listening and cuts every connection. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
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
