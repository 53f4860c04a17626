import { deriveLeaseKey, generateId, RfaasError, signLease } from '@rfaas/core';
import { ExecutorManagerSession, type LeaseGrant, type SessionListener } from './executor-manager-session.ts';
import type { CompleteLeaseOptions, LeaseProvider } from './lease-provider.ts';

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
    listener: SessionListener,
  ): Promise<{ readonly grant: LeaseGrant; readonly session: ExecutorManagerSession }> {
    const { managerUrl: url, nodeKey, tenant, peerTimeoutMs } = this.#options;
    const { cores, memoryMiB, gpus, timeoutMs, signal } = options;
    const leaseId = generateId();
    const generation = 1;
    const leaseKey = deriveLeaseKey(nodeKey, leaseId, generation);
    const session = await ExecutorManagerSession.connect(
      { url, leaseId, generation, leaseKey, tenant },
      listener,
      { timeoutMs, signal, peerTimeoutMs },
    );
    const { peerName: node, incarnation } = session.connection.peer;
    if (options.node !== '' && options.node !== node) {
      await session.close();
      throw new RfaasError(
        'RFAAS_ERR_NODE_UNKNOWN',
        `the manager at ${url} is node "${node}", not "${options.node}"`,
      );
    }
    const now = Date.now();
    const expiry = now + options.durationMs;
    const lease = { keyId: 0, leaseId, generation, node, incarnation, cores, memoryMiB, gpus, tenant };
    const token = signLease(nodeKey, { ...lease, notBefore: now - CLOCK_SKEW_MS, expiry });
    return { grant: { ...lease, url, expiry, token, leaseKey }, session };
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
}
