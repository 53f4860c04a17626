import { deriveLeaseKey, generateId, RfaasError, signLease } from '@rfaas/core';
import { ExecutorManagerSession, type LeaseGrant } from './executor-manager-session.ts';
import { openLanding } from './landing.ts';
import type {
  CompleteLeaseOptions,
  GrantedLease,
  LeaseListener,
  LeaseProvider,
  ReachedNode,
} from './lease-provider.ts';

/** How much earlier than now a lease that we sign begins, for clocks that differ. */
const CLOCK_SKEW_MS = 5_000;

/** How to use one node without a resource manager. */
export interface SelfSignedOptions {
  readonly managerUrl: string;
  readonly nodeKey: Uint8Array;
  readonly tenant: string;
  /** A manager on another host of which nothing is heard for this long is lost. */
  readonly peerTimeoutMs: number;
}

/** Leases for one node that this client signs itself, since it holds the node's key. */
export class SelfSignedProvider implements LeaseProvider {
  readonly #options: SelfSignedOptions;

  constructor(options: SelfSignedOptions) {
    this.#options = options;
  }

  /** Connects first, since only the manager knows the node's name and its present incarnation. */
  async grant(
    options: CompleteLeaseOptions,
    listener: LeaseListener,
  ): Promise<{ readonly lease: GrantedLease; readonly reached: ReachedNode }> {
    const { managerUrl: url, nodeKey, tenant, peerTimeoutMs } = this.#options;
    const { cores, memoryMiB, gpus, timeoutMs, signal } = options;
    if (options.nodes > 1) {
      throw new RfaasError('RFAAS_ERR_NO_CAPACITY', `${options.nodes} nodes are wanted, ${url} is one`);
    }
    const leaseId = generateId();
    const generation = 1;
    const leaseKey = deriveLeaseKey(nodeKey, leaseId, generation);
    const connecting = ExecutorManagerSession.connect(
      { url, leaseId, generation, leaseKey, tenant },
      listener,
      { timeoutMs, signal, peerTimeoutMs },
    );
    const reached = await reach(url, connecting);
    const { session, landing } = reached;
    const { peerName: node, incarnation } = session.connection.peer;
    if (options.node !== '' && options.node !== node) {
      await landing.transport.close();
      await session.close();
      throw new RfaasError(
        'RFAAS_ERR_NODE_UNKNOWN',
        `the manager at ${url} is node "${node}", not "${options.node}"`,
      );
    }
    const share = { leaseId, node, incarnation, cores, memoryMiB, gpus, tenant, url };
    return { lease: this.#sign(share, { generation, leaseKey }, options.durationMs), reached };
  }

  renew({ generation, shares }: GrantedLease, durationMs: number): Promise<GrantedLease> {
    const [share] = shares;
    if (share === undefined) {
      return Promise.reject(new RfaasError('RFAAS_ERR_INTERNAL', 'a lease has at least one node'));
    }
    const next = generation + 1;
    const leaseKey = deriveLeaseKey(this.#options.nodeKey, share.leaseId, next);
    return Promise.resolve(this.#sign(share, { generation: next, leaseKey }, durationMs));
  }

  usage(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  release(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #sign(
    share: UnsignedShare,
    { generation, leaseKey }: Pick<LeaseGrant, 'generation' | 'leaseKey'>,
    durationMs: number,
  ): GrantedLease {
    const { nodeKey } = this.#options;
    const { leaseId } = share;
    const now = Date.now();
    const expiry = now + durationMs;
    const lease = {
      ...share,
      incarnation: share.incarnation ?? 0n,
      gpus: share.gpus ?? 0,
      keyId: 0,
      generation,
    };
    const token = signLease(nodeKey, { ...lease, notBefore: now - CLOCK_SKEW_MS, expiry });
    return { leaseId, generation, expiry, shares: [{ ...lease, expiry, token, leaseKey }] };
  }
}

type UnsignedShare = Omit<LeaseGrant, 'generation' | 'expiry' | 'token' | 'leaseKey'>;

/** Opens where the first executor will connect to while the manager answers. */
async function reach(url: string, connecting: Promise<ExecutorManagerSession>): Promise<ReachedNode> {
  const opening = openLanding(url);
  try {
    const [session, landing] = await Promise.all([connecting, opening]);
    return { session, landing };
  } catch (error) {
    const close = (opened: { close(): Promise<void> }): Promise<void> => opened.close();
    await Promise.allSettled([
      connecting.then(close),
      opening.then(async ({ transport }) => close(transport)),
    ]);
    throw error;
  }
}
