import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';

/** A certificate with its chain and its key, both in PEM. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

/** What a slow or half-open connection may cost. */
export interface ServerLimits {
  /** How long the head of a request may take to arrive, TLS included. */
  readonly headersMs: number;
  /** How long a whole request may take to arrive. */
  readonly requestMs: number;
  /** How long a connection may stay without a request. */
  readonly idleMs: number;
  /** Connections at once; the one that has waited longest makes room for another. */
  readonly connections: number;
}

/** The limits of every HTTP server here. */
export const serverLimits: ServerLimits = {
  headersMs: 5000,
  requestMs: 10_000,
  idleMs: 15_000,
  connections: 1024,
};

/**
 * An HTTP server that slow, silent and all too many connections cannot stop from answering others; with `tls` it speaks
 * HTTPS only.
 */
export function createLimitedServer(
  handler: RequestListener,
  tls?: TlsFiles,
  limits: ServerLimits = serverLimits,
): Server {
  const options = {
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.idleMs,
    connectionsCheckingInterval: 1000,
    maxHeaderSize: 16 * 1024,
  };
  const server =
    tls === undefined
      ? createServer(options, handler)
      : createTlsServer({ ...options, ...tls, handshakeTimeout: limits.headersMs }, handler);
  limitConnections(server, limits.connections);
  return server;
}

/** Keeps the connections in the order of their last request, and closes the first one that has none to answer. */
function limitConnections(server: Server, most: number): void {
  // By their addresses: a request on a TLS connection comes with another object than its connection did.
  const idle = new Map<string, Socket>();
  const open = new Map<string, Socket>();
  server.on('connection', (socket: Socket) => {
    const key = addressOf(socket);
    open.set(key, socket);
    idle.set(key, socket);
    socket.once('close', () => {
      open.delete(key);
      idle.delete(key);
    });
    if (open.size > most) {
      const [longest = socket] = idle.values();
      longest.destroy();
    }
  });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const key = addressOf(request.socket);
    idle.delete(key);
    response.once('close', () => {
      const socket = open.get(key);
      if (socket !== undefined) {
        idle.set(key, socket);
      }
    });
  });
}

function addressOf({ remoteAddress = '', remotePort = 0 }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
