import {
  errorCode,
  generateId,
  open,
  RfaasError,
  type Message,
  type MessageOf,
  type OutgoingMessage,
  type Usage,
} from '@rfaas/core';
import { setTimeout as delay } from 'node:timers/promises';
import { formatTransportUrl, parseTransportUrl, withOwnOptions } from '@rfaas/rdmalib';
import type { ControlConnection } from './control-connection.ts';
import type { LeaseGrant } from './executor-manager-session.ts';
import type { CompleteLeaseOptions, GrantedLease, LeaseListener, LeaseProvider } from './lease-provider.ts';
import { ManagerLink, type ManagerLinkOptions } from './manager-link.ts';

const ANSWER_TIMEOUT_MS = 10_000;
const ATTACH_RETRY_MS = 500;

type LeaseQuestion = OutgoingMessage & { readonly kind: 'lease-request' | 'lease-renew' | 'lease-attach' };

/** Leases granted by the resource manager that serves. */
export class ResourceManagerProvider implements LeaseProvider {
  readonly #link: ManagerLink;
  readonly #tenant: string;
  readonly #held: Map<string, LeaseListener>;

  private constructor(link: ManagerLink, tenant: string, held: Map<string, LeaseListener>) {
    this.#link = link;
    this.#tenant = tenant;
    this.#held = held;
  }

  /** Connects and proves the tenant's credential. */
  static async connect(options: ManagerLinkOptions): Promise<ResourceManagerProvider> {
    const held = new Map<string, LeaseListener>();
    const provider: ResourceManagerProvider = new ResourceManagerProvider(
      await ManagerLink.connect(options, () => provider.#attachAll()),
      options.tenant,
      held,
    );
    return provider;
  }

  async grant(
    options: CompleteLeaseOptions,
    listener: LeaseListener,
  ): Promise<{ readonly lease: GrantedLease; readonly reached: undefined }> {
    const end = performance.now() + options.timeoutMs + options.queueMs;
    for (;;) {
      const leaseId = generateId();
      try {
        const leftMs = Math.max(1, Math.ceil(end - performance.now()));
        const lease = await this.#requestLease(leaseId, options, leftMs);
        this.#held.set(leaseId, listener);
        return { lease, reached: undefined };
      } catch (error) {
        // A short lease may be over before its answer, lost with its manager, is asked for again.
        const isOverUnheard = errorCode(error) === 'RFAAS_ERR_LEASE_TERMINATED';
        if (!isOverUnheard || performance.now() >= end) throw error;
      }
    }
  }

  async renew({ leaseId }: GrantedLease, durationMs: number): Promise<GrantedLease> {
    return this.#ask({ kind: 'lease-renew', leaseId, durationMs }, { timeoutMs: ANSWER_TIMEOUT_MS });
  }

  async usage(leaseId: string): Promise<Usage> {
    const { message } = await this.#link.request({ kind: 'usage-request', leaseId }, 'usage', {
      timeoutMs: ANSWER_TIMEOUT_MS,
    });
    return message.usage;
  }

  async release(leaseId: string, patienceMs: number): Promise<Usage> {
    this.#held.delete(leaseId);
    const { message } = await this.#link.request({ kind: 'lease-release', leaseId }, 'lease-released', {
      timeoutMs: ANSWER_TIMEOUT_MS,
      patienceMs,
    });
    return message.usage;
  }

  async close(): Promise<void> {
    this.#held.clear();
    await this.#link.close();
  }

  async #requestLease(
    leaseId: string,
    options: CompleteLeaseOptions,
    timeoutMs: number,
  ): Promise<GrantedLease> {
    const { nodes, cores, memoryMiB, gpus, atLeast, durationMs, queueMs, node, labels, within } = options;
    const extent = { nodes, cores, memoryMiB, gpus, atLeast };
    const request = {
      kind: 'lease-request',
      leaseId,
      ...extent,
      durationMs,
      queueMs,
      node,
      labels,
      within,
    } as const;
    try {
      return await this.#ask(request, {
        timeoutMs,
        signal: options.signal,
        onQueued: ({ position, waiting }) => options.onPosition?.({ position, waiting }),
      });
    } catch (error) {
      if (isGivenUp(error)) {
        // Perhaps it was granted just now, or is still in the queue.
        await this.#link.send({ kind: 'lease-withdraw', leaseId }).catch(() => undefined);
      }
      throw error;
    }
  }

  /** A resource manager that was started anew, or another one, must hear who answers for our leases. */
  #attachAll(): void {
    for (const [leaseId, listener] of this.#held) void this.#attach(leaseId, listener);
  }

  async #attach(leaseId: string, listener: LeaseListener): Promise<void> {
    while (this.#held.get(leaseId) === listener) {
      try {
        const question = { kind: 'lease-attach', leaseId } as const;
        listener.leaseChanged(await this.#ask(question, { timeoutMs: ANSWER_TIMEOUT_MS }));
        return;
      } catch (error) {
        if (!(error instanceof RfaasError) || !isPassing(error)) {
          const isLost = error instanceof RfaasError && isOver(error) && this.#held.delete(leaseId);
          if (isLost) listener.leaseLost(error);
          return;
        }
        // A lease that nobody answers for is ended after a while.
        await delay(ATTACH_RETRY_MS, undefined, { ref: false });
      }
    }
  }

  async #ask(
    question: LeaseQuestion,
    options: {
      readonly timeoutMs: number;
      readonly signal?: AbortSignal | undefined;
      readonly onQueued?: (message: MessageOf<'lease-queued'>) => void;
    },
  ): Promise<GrantedLease> {
    let shares: MessageOf<'lease-share'>[] = [];
    const takePart = (message: Message): boolean => {
      if (message.kind === 'lease-share') {
        // Of the newest answer only: an older one may have been cut off in the middle.
        shares = [
          ...shares.filter(
            ({ generation, node }) => generation === message.generation && node !== message.node,
          ),
          message,
        ];
      } else if (message.kind === 'lease-queued') {
        options.onQueued?.(message);
      } else {
        return false;
      }
      return true;
    };
    const { timeoutMs, signal } = options;
    const { message, connection } = await this.#link.request(question, 'lease-granted', {
      timeoutMs,
      signal,
      takePart,
    });
    if (shares.length < message.shares) {
      throw new RfaasError(
        'RFAAS_ERR_PROTOCOL',
        `lease ${message.leaseId} came with ${shares.length} of ${message.shares} nodes`,
      );
    }
    const { leaseId, generation, expiry } = message;
    return { leaseId, generation, expiry, shares: shares.map((share) => this.#open(share, connection)) };
  }

  #open(share: MessageOf<'lease-share'>, connection: ControlConnection): LeaseGrant {
    const leaseKey = open(connection.peer.sessionKey, share.sealedKey, share.leaseId);
    const url = withOwnUrlOptions(share.url, connection.url);
    return { ...share, url, leaseKey, tenant: this.#tenant };
  }
}

/** A node's URL with the device, timers and trust that this client's own URL names. */
function withOwnUrlOptions(nodeUrl: string, ownUrl: string): string {
  return formatTransportUrl(withOwnOptions(parseTransportUrl(nodeUrl), parseTransportUrl(ownUrl)));
}

function isOver({ code }: RfaasError): boolean {
  return code === 'RFAAS_ERR_LEASE_TERMINATED' || code === 'RFAAS_ERR_LEASE_UNKNOWN';
}

/** Whether the same request may be answered in a moment. */
function isPassing({ code }: RfaasError): boolean {
  return ['RFAAS_ERR_DEADLINE', 'RFAAS_ERR_STORE', 'RFAAS_ERR_MANAGER_LOST'].includes(code);
}

function isGivenUp(error: unknown): boolean {
  return error instanceof RfaasError && ['RFAAS_ERR_DEADLINE', 'RFAAS_ERR_ABORTED'].includes(error.code);
}
