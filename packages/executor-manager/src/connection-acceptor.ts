import { decodeConnectionData, encodeRejection, errorFields } from '@rfaas/core';
import type { ConnectionData, Logger, RejectionReason } from '@rfaas/core';
import type { ConnectionRequest, Listener } from '@rfaas/rdmalib';

/** Who takes the connections of each kind. */
export interface ConnectionHandlers {
  /** Takes a client, or says why not. */
  client(request: ConnectionRequest): Promise<RejectionReason | undefined>;
  /** Takes the main thread of an executor. */
  executor(request: ConnectionRequest, data: ConnectionData): Promise<RejectionReason | undefined>;
  /** Takes a worker thread of an executor. */
  executorThread(request: ConnectionRequest, data: ConnectionData): Promise<RejectionReason | undefined>;
}

/** Sorts connections by what their private data says, until the listener closes. Never rejects. */
export async function acceptConnections(
  listener: Listener,
  handlers: ConnectionHandlers,
  logger: Logger,
): Promise<void> {
  try {
    for await (const request of listener.requests()) {
      void accept(request, handlers, logger);
    }
  } catch (error) {
    logger.error('listening failed', errorFields(error));
  }
}

async function accept(
  request: ConnectionRequest,
  handlers: ConnectionHandlers,
  logger: Logger,
): Promise<void> {
  const peer = request.peer.host;
  try {
    const decoded = decodeConnectionData(request.privateData);
    const rejection = decoded.ok ? await take(request, decoded.data, handlers) : decoded.reason;
    if (rejection !== undefined) {
      logger.warn('connection rejected', {
        peer,
        rejection,
        ...(decoded.ok ? { role: decoded.data.role } : { text: decoded.text }),
      });
      await request.reject(encodeRejection(rejection));
    }
  } catch (error) {
    // The peer went away meanwhile, or there is no memory for its connection: others are served all the same.
    logger.warn('connection failed', { peer, ...errorFields(error) });
  }
}

async function take(
  request: ConnectionRequest,
  data: ConnectionData,
  handlers: ConnectionHandlers,
): Promise<RejectionReason | undefined> {
  switch (data.role) {
    case 'client-to-executor-manager':
      return handlers.client(request);
    case 'executor-to-executor-manager':
      return handlers.executor(request, data);
    case 'executor-thread-to-executor-manager':
      return handlers.executorThread(request, data);
    case 'client-to-resource-manager':
    case 'executor-manager-to-resource-manager':
    case 'executor-to-client':
    case 'executor-thread-to-client':
      return 'role';
  }
}
