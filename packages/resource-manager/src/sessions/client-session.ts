import {
  deriveLeaseKey,
  deriveNodeKey,
  seal,
  signLease,
  type Authenticated,
  type Logger,
  type MessageFields,
  type MessageOf,
  type OutgoingMessage,
} from '@rfaas/core';
import type { Cluster } from '../cluster/cluster.ts';
import type { SessionChannel } from './session-channel.ts';

/** What a client session works with. */
export interface ClientSessionOptions {
  readonly channel: SessionChannel;
  readonly peer: Authenticated;
  readonly cluster: Cluster;
  readonly clusterKey: Uint8Array;
  /** Tells this connection's leases from those of others. */
  readonly owner: number;
  /** How long the answer to a release waits for the node's confirmation. */
  readonly confirmationMs: number;
  readonly logger: Logger;
}

/** Serves one client until it goes away; its leases end with it. */
export async function serveClient(options: ClientSessionOptions): Promise<void> {
  const { channel, cluster, owner } = options;
  try {
    const next = async (): Promise<ClientRequest | undefined> => channel.receive(clientRequests);
    for (let request = await next(); request !== undefined; request = await next()) {
      const asked = request;
      channel.respond(asked, async () => answer(options, asked));
    }
  } finally {
    cluster.ownerGone(owner);
  }
}

const clientRequests = ['lease-request', 'lease-release', 'usage-request'] as const;

type ClientRequest = MessageOf<(typeof clientRequests)[number]>;

async function answer(options: ClientSessionOptions, request: ClientRequest): Promise<OutgoingMessage> {
  switch (request.kind) {
    case 'lease-request':
      return { kind: 'lease-granted', ...grant(options, request) };
    case 'lease-release': {
      await release(options, request.leaseId);
      const usage = options.cluster.usage(options.peer.peerName, request.leaseId);
      options.logger.info('lease released', { leaseId: request.leaseId, ...usage });
      return { kind: 'lease-released', leaseId: request.leaseId, usage };
    }
    case 'usage-request': {
      const usage = options.cluster.usage(options.peer.peerName, request.leaseId);
      return { kind: 'usage', leaseId: request.leaseId, usage };
    }
  }
}

function grant(
  { cluster, clusterKey, peer, owner, logger }: ClientSessionOptions,
  request: MessageFields<'lease-request'>,
): MessageFields<'lease-granted'> {
  const { lease, node } = cluster.grant(peer.peerName, owner, request);
  const { leaseId, generation, cores, memoryMiB, gpus, expiry } = lease;
  logger.info('lease granted', { leaseId, node: node.name, cores, memoryMiB, gpus, expiry });
  const nodeKey = deriveNodeKey(clusterKey, node.name);
  return {
    leaseId,
    generation,
    node: node.name,
    url: node.url,
    cores,
    memoryMiB,
    gpus,
    expiry,
    token: signLease(nodeKey, lease),
    sealedKey: seal(peer.sessionKey, deriveLeaseKey(nodeKey, leaseId, generation), leaseId),
  };
}

/** Waits for the node to confirm, so that the answer has the whole bill and the cores can be leased again. */
async function release(
  { cluster, peer, confirmationMs }: ClientSessionOptions,
  leaseId: string,
): Promise<void> {
  if (!cluster.release(peer.peerName, leaseId)) {
    return;
  }
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, confirmationMs);
    cluster.onceFreed(leaseId, () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
