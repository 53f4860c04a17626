import {
  authenticateServer,
  decodeMessage,
  deriveLeaseKey,
  encodeMessage,
  errorFields,
  leaseRejectionError,
  refusalOf,
  RfaasError,
  verifyLease,
} from '@rfaas/core';
import type {
  LeaseWarningReason,
  Allocate,
  AllocationEnded,
  Authenticated,
  Lease,
  Logger,
  Message,
  OutgoingMessage,
  RfaasErrorCode,
} from '@rfaas/core';
import type { MessageChannel } from '@rfaas/rdmalib';
import type { Allocation } from './allocation.ts';

/** As long as clients wait for it by default: whoever has come when everybody comes at once is served, too. */
const handshakeTimeoutMs = 10_000;

/** What a session asks of its manager. */
export interface ClientSessionHost {
  readonly nodeName: string;
  readonly nodeKey: Uint8Array;
  readonly incarnation: bigint;
  readonly logger: Logger;
  /** Milliseconds since 1970. */
  now(): number;
  /** A request was refused. */
  refused(code: RfaasErrorCode): void;
  /** Starts an executor under a lease that was verified at `now`; throws RfaasError that says why not. */
  allocate(lease: Lease, request: Allocate, now: number): Allocation;
  /** A lease that was verified at `now` is renewed; throws RfaasError that says why not. */
  renew(lease: Lease, now: number): void;
}

/** One connected client: proves that it holds its lease's key, allocates under that lease, gives back. */
export class ClientSession {
  readonly #host: ClientSessionHost;
  readonly #channel: MessageChannel;
  readonly #logger: Logger;
  readonly #allocations = new Map<string, Allocation>();
  /** Correlations of `deallocate` messages that the end of the allocation answers. */
  readonly #deallocating = new Map<string, number>();

  constructor(host: ClientSessionHost, channel: MessageChannel) {
    this.#host = host;
    this.#channel = channel;
    this.#logger = host.logger.child({ component: 'client-session' });
  }

  /** Serves the client until it is gone; then whatever it allocated ends. Never rejects. */
  async run(): Promise<void> {
    try {
      const client = await this.#authenticate();
      for await (const bytes of this.#channel.messages()) {
        await this.#take(decodeMessage(bytes), client);
      }
    } catch (error) {
      this.#logger.info('client session failed', errorFields(error));
    }
    for (const allocation of this.#allocations.values()) {
      allocation.end('client-gone');
    }
    await this.#channel.close();
  }

  /** Tells the client that its lease is about to end here, if it has allocations under it. */
  warn(leaseId: string, expiry: number, reason: LeaseWarningReason): void {
    if ([...this.#allocations.values()].some((allocation) => allocation.leaseId === leaseId)) {
      void this.#send({ kind: 'lease-warning', leaseId, expiry, reason });
    }
  }

  /** Disconnects. */
  async close(): Promise<void> {
    await this.#channel.close();
  }

  async #authenticate(): Promise<Authenticated> {
    const { nodeName, nodeKey, incarnation } = this.#host;
    return authenticateServer(this.#channel, {
      role: 'client-to-executor-manager',
      name: nodeName,
      incarnation,
      keyFor: ({ leaseId, generation }) => deriveLeaseKey(nodeKey, leaseId, generation),
      signal: AbortSignal.timeout(handshakeTimeoutMs),
    });
  }

  async #take(message: Message, client: Authenticated): Promise<void> {
    const { correlation } = message;
    try {
      switch (message.kind) {
        case 'allocate':
          await this.#allocate(message, client);
          break;
        case 'deallocate':
          this.#deallocate(message.allocationId, correlation);
          break;
        case 'renew-lease':
          await this.#renew(message.token, client, correlation);
          break;
        default:
          throw new RfaasError('RFAAS_ERR_PROTOCOL', `an executor manager does not take ${message.kind}`);
      }
    } catch (error) {
      this.#host.refused(error instanceof RfaasError ? error.code : 'RFAAS_ERR_INTERNAL');
      this.#logger.info('request refused', {
        ...errorFields(error),
        kind: message.kind,
        tenant: client.peerName,
      });
      await this.#send({ kind: 'refused', ...refusalOf(error) }, correlation);
    }
  }

  async #allocate(
    request: Allocate & { readonly correlation: number },
    client: Authenticated,
  ): Promise<void> {
    const now = this.#host.now();
    const lease = this.#verify(request.token, client, now);
    const allocation = this.#host.allocate(lease, request, now);
    const { allocationId } = allocation;
    this.#allocations.set(allocationId, allocation);
    void allocation.ended.then((end) => this.#ended(end));
    await this.#send({ kind: 'allocation-started', allocationId }, request.correlation);
  }

  async #renew(token: Uint8Array, client: Authenticated, correlation: number): Promise<void> {
    const now = this.#host.now();
    const lease = this.#verify(token, client, now);
    this.#host.renew(lease, now);
    const { leaseId, generation, expiry } = lease;
    await this.#send({ kind: 'lease-renewed', leaseId, generation, expiry }, correlation);
  }

  /** The key of any generation proves who holds the lease; the token says what is in force. */
  #verify(token: Uint8Array, client: Authenticated, now: number): Lease {
    const { nodeKey, nodeName, incarnation } = this.#host;
    const verification = verifyLease(nodeKey, token, { nodeName, incarnation, now });
    if (!verification.ok) {
      throw leaseRejectionError(verification.reason);
    }
    const { lease } = verification;
    if (
      lease.leaseId !== client.leaseId ||
      lease.generation < client.generation ||
      lease.tenant !== client.peerName
    ) {
      throw new RfaasError(
        'RFAAS_ERR_LEASE_INVALID',
        `the token is for lease ${lease.leaseId} of "${lease.tenant}" in generation ${lease.generation}, not for the one ` +
          'whose key this connection has proven',
      );
    }
    return lease;
  }

  #deallocate(allocationId: string, correlation: number): void {
    const allocation = this.#allocations.get(allocationId);
    if (allocation === undefined || this.#deallocating.has(allocationId)) {
      throw new RfaasError(
        'RFAAS_ERR_ALLOCATION_UNKNOWN',
        `cannot deallocate ${allocationId}: this client has no such allocation, or has given it back already`,
      );
    }
    this.#deallocating.set(allocationId, correlation);
    allocation.end('deallocated');
  }

  async #ended(end: AllocationEnded): Promise<void> {
    const correlation = this.#deallocating.get(end.allocationId) ?? 0;
    this.#deallocating.delete(end.allocationId);
    this.#allocations.delete(end.allocationId);
    await this.#send({ kind: 'allocation-ended', ...end }, correlation);
  }

  async #send(message: OutgoingMessage, correlation = 0): Promise<void> {
    try {
      await this.#channel.send(encodeMessage(message, correlation));
    } catch (error) {
      // A client that is gone is noticed by `run`, which ends what it had.
      this.#logger.debug('cannot send to the client', { ...errorFields(error), kind: message.kind });
    }
  }
}
