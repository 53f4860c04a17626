import { open, type Usage } from '@rfaas/core';
import { formatTransportUrl, parseTransportUrl, withOwnOptions } from '@rfaas/rdmalib';
import { ControlConnection } from './control-connection.ts';
import type { ExecutorManagerSession, LeaseGrant } from './executor-manager-session.ts';
import type { CompleteLeaseOptions, LeaseProvider } from './lease-provider.ts';

const ANSWER_TIMEOUT_MS = 10_000;

/** How to reach a resource manager as a tenant. */
export interface ResourceManagerOptions {
  readonly url: string;
  readonly tenant: string;
  readonly credential: Uint8Array;
  readonly timeoutMs: number;
  /** A manager on another host of which nothing is heard for this long is lost. */
  readonly peerTimeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Leases granted by a resource manager. */
export class ResourceManagerProvider implements LeaseProvider {
  readonly #connection: ControlConnection;
  readonly #tenant: string;

  private constructor(connection: ControlConnection, tenant: string) {
    this.#connection = connection;
    this.#tenant = tenant;
  }

  /** Connects and proves the tenant's credential. */
  static async connect(options: ResourceManagerOptions): Promise<ResourceManagerProvider> {
    const connection = await ControlConnection.connect({
      url: options.url,
      what: 'resource manager',
      role: 'client-to-resource-manager',
      name: options.tenant,
      key: options.credential,
      timeoutMs: options.timeoutMs,
      peerTimeoutMs: options.peerTimeoutMs,
      signal: options.signal,
      // It says nothing unasked that a client needs: ends of leases are heard from their nodes.
      onNotification: () => undefined,
    });
    return new ResourceManagerProvider(connection, options.tenant);
  }

  async grant(
    options: CompleteLeaseOptions,
  ): Promise<{ readonly grant: LeaseGrant; readonly session: ExecutorManagerSession | undefined }> {
    const { cores, memoryMiB, gpus, durationMs, node } = options;
    const granted = await this.#connection.request(
      { kind: 'lease-request', cores, memoryMiB, gpus, durationMs, node },
      'lease-granted',
      options,
    );
    const leaseKey = open(this.#connection.peer.sessionKey, granted.sealedKey, granted.leaseId);
    const url = withOwnUrlOptions(granted.url, this.#connection.url);
    return { grant: { ...granted, url, leaseKey, tenant: this.#tenant }, session: undefined };
  }

  async usage(leaseId: string): Promise<Usage> {
    const answer = await this.#connection.request({ kind: 'usage-request', leaseId }, 'usage', {
      timeoutMs: ANSWER_TIMEOUT_MS,
    });
    return answer.usage;
  }

  async release(leaseId: string): Promise<Usage> {
    const answer = await this.#connection.request({ kind: 'lease-release', leaseId }, 'lease-released', {
      timeoutMs: ANSWER_TIMEOUT_MS,
    });
    return answer.usage;
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }
}

/** A node's URL with the device, timers and trust that this client's own URL names. */
function withOwnUrlOptions(nodeUrl: string, ownUrl: string): string {
  return formatTransportUrl(withOwnOptions(parseTransportUrl(nodeUrl), parseTransportUrl(ownUrl)));
}
