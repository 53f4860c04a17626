import { encodeConnectionData } from '@rfaas/core/wire';
import type { CompletionQueue, Endpoint, ProtectionDomain } from '@rfaas/rdmalib';
import { accountingQueueDepth } from '../accounting/atomic-usage-reporter.ts';
import type { AccountingConnection } from '../accounting/atomic-usage-reporter.ts';
import type { Route } from '../routes.ts';
import type { ThreadAssignment, ThreadPreparation } from './thread-assignment.ts';

/** A thread's connection to the client: requests come in, replies go out. */
export interface ClientConnection {
  readonly endpoint: Endpoint;
  /** All completions of `endpoint`, and of nothing else. */
  readonly queue: CompletionQueue;
}

/** What {@link connectToClient} connects; closing it is for whoever opens it. Its receives are posted. */
export function openClientConnection(domain: ProtectionDomain, slots: number): ClientConnection {
  // A reply for each slot, as many again whose completions nobody took yet, and thread-ready.
  const sendQueueDepth = 2 * slots + 2;
  const receiveQueueDepth = slots + 2;
  const queue = domain.createCompletionQueue({ depth: sendQueueDepth + receiveQueueDepth });
  const endpoint = domain.createEndpoint({
    sendCompletions: queue,
    receiveCompletions: queue,
    sendQueueDepth,
    receiveQueueDepth,
  });
  endpoint.postEmptyReceives(slots + 1);
  return { endpoint, queue };
}

/** Connects a thread to the client, which then sends at once. */
export async function connectToClient(
  { endpoint }: ClientConnection,
  route: Route,
  assignment: ThreadAssignment,
  index: number,
): Promise<void> {
  await endpoint.connect(route.address, {
    privateData: encodeConnectionData({
      role: 'executor-thread-to-client',
      id: assignment.allocationId,
      secret: assignment.secret,
      threadIndex: index,
    }),
  });
}

/** Connects a thread to its executor manager, whose memory it adds its usage to. */
export async function connectToManager(
  route: Route,
  preparation: ThreadPreparation,
): Promise<AccountingConnection> {
  const { domain } = route;
  const queue = domain.createCompletionQueue({ depth: 2 * accountingQueueDepth });
  const endpoint = domain.createEndpoint({
    sendCompletions: queue,
    receiveCompletions: queue,
    sendQueueDepth: accountingQueueDepth,
    receiveQueueDepth: 1,
  });
  await endpoint.connect(route.address, {
    privateData: encodeConnectionData({
      role: 'executor-thread-to-executor-manager',
      id: preparation.executorId,
      secret: preparation.managerSecret,
      threadIndex: preparation.index,
    }),
  });
  return { domain, endpoint, queue };
}
