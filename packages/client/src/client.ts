import { loadKey, RfaasError, type Environment } from '@rfaas/core';
import { formatTransportUrl, parseTransportUrl, throughDevice } from '@rfaas/rdmalib';
import { environmentCredential, environmentTenant } from './client-environment.ts';
import { completeLeaseOptions } from './lease-options.ts';
import { Lease } from './lease.ts';
import type { LeaseListener, LeaseOptions, LeaseProvider } from './lease-provider.ts';
import { loadNativeLoops, type NativeLoops } from './native-loops.ts';
import { ResourceManagerProvider } from './resource-manager-provider.ts';
import { SelfSignedProvider } from './self-signed-provider.ts';

/** Longer than a process is usually busy without a turn of its event loop, in which nothing is heard of it. */
const DEFAULT_PEER_TIMEOUT_MS = 15_000;

/** How long closing waits for a manager that is away: leases end without it, since their client is gone. */
const CLOSING_PATIENCE_MS = 1_000;

/** How to connect to a resource manager. */
export interface ConnectOptions {
  /** Its transport URL, e.g. `shm://10000`; of all resource managers of the cluster, where there are several. */
  readonly resourceManager: string | readonly string[];
  /** RDMA device of this host to use. Default: the one on the way to the manager. */
  readonly device?: string | undefined;
  /** Who pays. Default `$RFAAS_TENANT`, else `default`. */
  readonly tenant?: string | undefined;
  /** The tenant's credential: 32 bytes. */
  readonly credential?: Uint8Array | undefined;
  /** A file with the credential, readable by its owner only. Default `$RFAAS_CREDENTIAL_FILE`, else the tenant's key file. */
  readonly credentialFile?: string | undefined;
  /** How long connecting may take. Default 10000. */
  readonly timeoutMs?: number | undefined;
  /**
   * A manager or an executor on another host of which nothing is heard for this long is lost, and what waits for it
   * fails. Default 15000.
   */
  readonly peerTimeoutMs?: number | undefined;
  /** Gives up. */
  readonly signal?: AbortSignal | undefined;
  /** Instead of `process.env`. */
  readonly environment?: Environment | undefined;
}

/** How to use one executor manager without a resource manager. */
export interface DirectOptions {
  /** The node's key: 32 bytes. */
  readonly nodeKey?: Uint8Array | undefined;
  /** A file with the node's key, readable by its owner only. */
  readonly nodeKeyFile?: string | undefined;
  /** RDMA device of this host to use. Default: the one on the way to the manager. */
  readonly device?: string | undefined;
  /** Under whose name the leases run. Default `$RFAAS_TENANT`, else `default`. */
  readonly tenant?: string | undefined;
  /** As in {@link ConnectOptions}. */
  readonly peerTimeoutMs?: number | undefined;
  /** Instead of `process.env`. */
  readonly environment?: Environment | undefined;
}

/**
 * Takes leases, from a resource manager or from a node whose key it holds. Several clients, and several leases of each,
 * may be used at once. Close it with {@link close} or `await using`.
 */
export class Client implements AsyncDisposable {
  readonly #provider: LeaseProvider;
  readonly #peerTimeoutMs: number;
  readonly #leases = new Set<Lease>();
  #loops: NativeLoops | undefined;
  #closing: Promise<void> | undefined;

  private constructor(provider: LeaseProvider, peerTimeoutMs: number) {
    this.#provider = provider;
    this.#peerTimeoutMs = peerTimeoutMs;
  }

  /**
   * Connects to a resource manager and proves the tenant's credential. Several URLs, in an array or with commas between
   * them, are those of one cluster: the one that serves is found, and found again when another takes over.
   *
   * Throws RfaasError: RFAAS_ERR_MANAGER_LOST when none is there, RFAAS_ERR_UNAUTHORISED for a wrong credential,
   * RFAAS_ERR_VERSION, RFAAS_ERR_CONFIGURATION for a credential that cannot be read, RFAAS_ERR_DEADLINE.
   */
  static async connect(urlOrOptions: string | readonly string[] | ConnectOptions): Promise<Client> {
    const options = isAddress(urlOrOptions) ? { resourceManager: urlOrOptions } : urlOrOptions;
    const environment = options.environment ?? process.env;
    const tenant = options.tenant ?? environmentTenant(environment);
    const credential =
      options.credential ?? environmentCredential(environment, tenant, options.credentialFile);
    const {
      resourceManager,
      device,
      timeoutMs = 10_000,
      peerTimeoutMs = DEFAULT_PEER_TIMEOUT_MS,
      signal,
    } = options;
    const urls = [resourceManager]
      .flat()
      .flatMap((url) => url.split(','))
      .map((url) => throughOwnDevice(url.trim(), device));
    const link = { urls, tenant, credential, timeoutMs, peerTimeoutMs, signal };
    return new Client(await ResourceManagerProvider.connect(link), peerTimeoutMs);
  }

  /**
   * Uses one executor manager, started with `--skip-resource-manager` or not, and signs the leases with its node's key.
   * Nothing is connected before the first lease.
   */
  static direct(executorManager: string, options: DirectOptions): Client {
    const tenant = options.tenant ?? environmentTenant(options.environment ?? process.env);
    const nodeKey = options.nodeKey ?? loadKey({ what: 'node key', file: options.nodeKeyFile });
    const managerUrl = throughOwnDevice(executorManager, options.device);
    const { peerTimeoutMs = DEFAULT_PEER_TIMEOUT_MS } = options;
    return new Client(new SelfSignedProvider({ managerUrl, nodeKey, tenant, peerTimeoutMs }), peerTimeoutMs);
  }

  /** The leases that are open. */
  get leases(): readonly Lease[] {
    return [...this.#leases];
  }

  /**
   * Asks for cores. With `queue` the request waits for its turn where there are none.
   *
   * Throws RfaasError: RFAAS_ERR_NO_CAPACITY, RFAAS_ERR_QUOTA, RFAAS_ERR_NODE_UNKNOWN, RFAAS_ERR_USAGE for what cannot be leased,
   * RFAAS_ERR_MANAGER_LOST, RFAAS_ERR_DEADLINE, RFAAS_ERR_ABORTED.
   */
  async lease(options: LeaseOptions): Promise<Lease> {
    this.#requireOpen();
    const complete = completeLeaseOptions(options);
    const listener: LeaseListener = {
      leaseWarning: (expiry, reason) => options.onExpiryWarning?.(new Date(expiry), reason),
      leaseChanged: (granted) => lease.changed(granted),
      leaseLost: (error) => lease.lost(error),
    };
    const { lease: granted, reached } = await this.#provider.grant(complete, listener);
    const lease: Lease = new Lease({
      granted,
      reached,
      durationMs: complete.durationMs,
      renew: complete.renew,
      provider: this.#provider,
      listener,
      peerTimeoutMs: this.#peerTimeoutMs,
      loadLoops: () => (this.#loops ??= loadNativeLoops()),
      onReleased: (released) => void this.#leases.delete(released),
    });
    this.#leases.add(lease);
    return lease;
  }

  /** Releases every lease and disconnects. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    const results = await Promise.allSettled(
      [...this.#leases].map((lease) => lease.release(CLOSING_PATIENCE_MS)),
    );
    await this.#provider.close();
    for (const result of results) {
      // A manager that is gone has nothing to release.
      if (result.status === 'rejected' && !isManagerLost(result.reason)) throw result.reason;
    }
  }

  #requireOpen(): void {
    if (this.#closing !== undefined) {
      throw new RfaasError('RFAAS_ERR_CLOSED', 'the client was closed; connect a new one');
    }
  }
}

function isAddress(
  urlOrOptions: string | readonly string[] | ConnectOptions,
): urlOrOptions is string | readonly string[] {
  return typeof urlOrOptions === 'string' || Array.isArray(urlOrOptions);
}

function isManagerLost(error: unknown): boolean {
  return error instanceof RfaasError && error.code === 'RFAAS_ERR_MANAGER_LOST';
}

function throughOwnDevice(url: string, device: string | undefined): string {
  return device === undefined ? url : formatTransportUrl(throughDevice(parseTransportUrl(url), device));
}
