import type { Authenticated, Logger, MessageOf, OutgoingMessage } from '@rfaas/core';
import type { Cluster } from '../cluster/cluster.ts';
import type { LeaseRecord } from '../cluster/lease-record.ts';
import type { DurableRows } from '../store/durable-rows.ts';
import type { LeaseSigner } from './lease-signer.ts';
import type { SessionChannel } from './session-channel.ts';

/** What a client session works with. */
export interface ClientSessionOptions {
  readonly channel: SessionChannel;
  readonly peer: Authenticated;
  readonly cluster: Cluster;
  readonly rows: Pick<DurableRows, 'settled'>;
  readonly signer: LeaseSigner;
  /** Tells this connection's leases from those of others. */
  readonly owner: number;
  /** How long the answer to a release waits for the nodes' confirmation. */
  readonly confirmationMs: number;
  readonly logger: Logger;
}

const clientRequests = [
  'lease-request',
  'lease-withdraw',
  'lease-renew',
  'lease-attach',
  'lease-release',
  'usage-request',
] as const;

type ClientRequest = MessageOf<(typeof clientRequests)[number]>;

/** Serves one client until it goes away; its leases end unless it comes back in time. */
export async function serveClient(options: ClientSessionOptions): Promise<void> {
  const { channel, cluster, owner, peer } = options;
  try {
    for (;;) {
      const request = await channel.receive(clientRequests);
      if (request === undefined) {
        return;
      }
      if (request.kind === 'lease-withdraw') {
        cluster.withdraw(peer.peerName, request.leaseId);
      } else {
        channel.respond(request, async () => answer(options, request));
      }
    }
  } finally {
    cluster.ownerGone(owner);
  }
}

async function answer(
  options: ClientSessionOptions,
  request: Exclude<ClientRequest, { readonly kind: 'lease-withdraw' }>,
): Promise<OutgoingMessage> {
  const { cluster, rows, logger } = options;
  const tenant = options.peer.peerName;
  const { leaseId, correlation } = request;
  switch (request.kind) {
    case 'lease-request':
      return grant(options, request);
    case 'lease-renew': {
      const renewed = cluster.renew(tenant, leaseId, request.durationMs);
      await rows.settled();
      logger.info('lease renewed', { leaseId, generation: renewed.generation, expiry: renewed.expiry });
      return sendShares(options, renewed, correlation);
    }
    case 'lease-attach': {
      const record = cluster.attach(tenant, options.owner, leaseId);
      // It may have been renewed just now.
      await rows.settled();
      logger.info('lease attached', { leaseId });
      return sendShares(options, record, correlation);
    }
    case 'lease-release': {
      await release(options, leaseId);
      const usage = cluster.usage(tenant, leaseId);
      logger.info('lease released', { leaseId, ...usage });
      return { kind: 'lease-released', leaseId, usage };
    }
    case 'usage-request':
      return { kind: 'usage', leaseId, usage: cluster.usage(tenant, leaseId) };
  }
}

/** Grants at once or when the request's turn comes; the lease is stored before its client hears of it. */
async function grant(
  options: ClientSessionOptions,
  request: MessageOf<'lease-request'>,
): Promise<OutgoingMessage> {
  const { cluster, rows, logger } = options;
  const { record, isNew } = await requestLease(options, request);
  const { leaseId, shares, expiry } = record;
  try {
    await rows.settled();
  } catch (error) {
    if (isNew) {
      cluster.revoke(leaseId);
    }
    throw error;
  }
  const nodes = shares.map(({ node }) => node);
  const cores = shares.reduce((sum, share) => sum + share.cores, 0);
  logger.info('lease granted', { leaseId, nodes, cores, expiry });
  return sendShares(options, record, request.correlation);
}

interface Granted {
  readonly record: LeaseRecord;
  readonly isNew: boolean;
}

function requestLease(options: ClientSessionOptions, request: MessageOf<'lease-request'>): Promise<Granted> {
  const { cluster, channel, owner, peer, rows, logger } = options;
  const { leaseId, correlation } = request;
  const tell = (position: number, waiting: number): void =>
    void channel.send({ kind: 'lease-queued', leaseId, position, waiting }, correlation);
  return new Promise((resolve, reject) => {
    const outcome = cluster.request(peer.peerName, owner, request, {
      granted: (record) => resolve({ record, isNew: true }),
      refused: reject,
      moved: tell,
    });
    if (outcome.kind === 'granted') {
      resolve(outcome);
      return;
    }
    const { position, waiting } = outcome;
    logger.info('request queued', { leaseId, position, waiting });
    // Stored first: the place in the queue is promised once it is told.
    rows.settled().then(
      () => tell(position, waiting),
      (error: Error) => {
        cluster.withdraw(peer.peerName, leaseId);
        reject(error);
      },
    );
  });
}

async function sendShares(
  { channel, signer, peer }: ClientSessionOptions,
  record: LeaseRecord,
  correlation: number,
): Promise<OutgoingMessage> {
  const shares = signer.sign(record, peer.sessionKey);
  for (const share of shares) {
    await channel.send({ kind: 'lease-share', ...share }, correlation);
  }
  const { leaseId, generation } = record;
  return {
    kind: 'lease-granted',
    leaseId,
    generation,
    expiry: signer.wallTime(record.expiry),
    shares: shares.length,
  };
}

/** Waits for the nodes to confirm, so that the answer has the whole bill and the cores can be leased again. */
async function release(
  { cluster, peer, rows, confirmationMs }: ClientSessionOptions,
  leaseId: string,
): Promise<void> {
  if (cluster.release(peer.peerName, leaseId)) {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, confirmationMs);
      cluster.onceFreed(leaseId, () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
  await rows.settled();
}
