import { setTimeout as delay } from 'node:timers/promises';
import {
  authenticateClient,
  decodeMessage,
  encodeConnectionData,
  encodeMessage,
  errorFields,
  expectMessage,
  rejectionError,
  RfaasError,
} from '@rfaas/core';
import type { Logger, Message, OutgoingMessage, RegisterNode, UsageReport } from '@rfaas/core';
import { ConnectionRefusedError, MessageChannel, openTransport, parseTransportUrl } from '@rfaas/rdmalib';
import type { Transport } from '@rfaas/rdmalib';
import type { BillCollector } from './bill-collector.ts';
import { UndeliveredReports } from './undelivered-reports.ts';

const firstBackoffMs = 100;
const longestBackoffMs = 5000;
const handshakeTimeoutMs = 5000;

/** What a link needs. */
export interface ResourceManagerLinkOptions {
  readonly url: string;
  readonly nodeKey: Uint8Array;
  readonly registration: RegisterNode;
  /** A resource manager of which nothing is heard for this long is gone. */
  readonly peerTimeoutMs: number;
  readonly logger: Logger;
  /** The resource manager ends a lease. */
  onLeaseEnd(leaseId: string, reason: string): void;
}

/**
 * The connection to the resource manager: registers this node, hears which leases end, tells what they cost, and comes
 * back by itself after the resource manager was away. Leases go on meanwhile, since they are verified without it.
 */
export class ResourceManagerLink implements BillCollector {
  /** Resolves at the first registration. Rejects with RfaasError when the resource manager refuses this node. */
  readonly registered: Promise<void>;
  /** Rejects when the resource manager refuses this node for good; never resolves. */
  readonly failed: Promise<never>;
  readonly #options: ResourceManagerLinkOptions;
  readonly #undelivered = new UndeliveredReports();
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  #channel: MessageChannel | undefined;
  #sending = false;
  #resolveRegistered: () => void = () => undefined;
  #fail: (error: unknown) => void = () => undefined;
  #lastError: unknown;

  /** Begins to connect. */
  constructor(options: ResourceManagerLinkOptions) {
    this.#options = options;
    this.failed = new Promise((_resolve, reject) => {
      this.#fail = reject;
    });
    this.registered = Promise.race([
      new Promise<void>((resolve) => {
        this.#resolveRegistered = resolve;
      }),
      this.failed,
    ]);
    // Whoever waits for them hears of it; nobody has to.
    this.failed.catch(() => undefined);
    this.registered.catch(() => undefined);
    this.#running = this.#run();
  }

  /** Why the last attempt to connect failed. */
  get lastError(): unknown {
    return this.#lastError;
  }

  usageReported(report: UsageReport): void {
    this.#undelivered.addReport(report);
    void this.#deliver();
  }

  leaseEnded(leaseId: string): void {
    this.#undelivered.addEndedLease(leaseId);
    void this.#deliver();
  }

  /** Tells what is still to be told, for at most a second, and disconnects. */
  async close(): Promise<void> {
    await Promise.race([this.#deliver(), delay(1000, undefined, { ref: false })]);
    this.#closing.abort();
    await this.#channel?.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    const { logger, url } = this.#options;
    let backoffMs = firstBackoffMs;
    while (!signal.aborted) {
      try {
        await this.#connectOnce(() => {
          backoffMs = firstBackoffMs;
        });
      } catch (error) {
        if (signal.aborted) {
          return;
        }
        this.#lastError = error;
        if (isFinal(error)) {
          this.#fail(error);
          return;
        }
        logger.warn('resource manager is away', { ...errorFields(error), url, retryMs: backoffMs });
      }
      await delay(backoffMs, undefined, { signal, ref: false }).catch(() => undefined);
      backoffMs = Math.min(2 * backoffMs, longestBackoffMs);
    }
  }

  /** Connects, registers and listens until the connection ends, which is an error unless this side closed it. */
  async #connectOnce(onRegistered: () => void): Promise<void> {
    const { url, logger } = this.#options;
    const transport = openTransport(url);
    try {
      const channel = await this.#register(transport);
      onRegistered();
      logger.info('registered with the resource manager', { url });
      this.#channel = channel;
      this.#resolveRegistered();
      void this.#deliver();
      try {
        await this.#listen(channel);
      } finally {
        this.#channel = undefined;
        await channel.close();
      }
    } finally {
      await transport.close();
    }
  }

  async #register(transport: Transport): Promise<MessageChannel> {
    const { url, nodeKey, registration } = this.#options;
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(handshakeTimeoutMs)]);
    const role = 'executor-manager-to-resource-manager';
    const channel = await this.#open(transport, encodeConnectionData({ role }), signal);
    try {
      await authenticateClient(channel, { role, name: registration.name, key: nodeKey, signal });
      await channel.send(encodeMessage({ kind: 'register-node', ...registration }));
      const bytes = await channel.receive({ signal });
      if (bytes === undefined) {
        throw new RfaasError(
          'RFAAS_ERR_MANAGER_LOST',
          `the resource manager at ${url} closed the connection`,
        );
      }
      expectMessage(decodeMessage(bytes), 'node-registered');
      return channel;
    } catch (error) {
      await channel.close();
      throw error;
    }
  }

  async #open(transport: Transport, privateData: Uint8Array, signal: AbortSignal): Promise<MessageChannel> {
    const { url, peerTimeoutMs } = this.#options;
    try {
      const domain = transport.openProtectionDomain();
      return await MessageChannel.connect(domain, parseTransportUrl(url), {
        privateData,
        signal,
        peerTimeoutMs,
      });
    } catch (error) {
      const what = `connecting to the resource manager at ${url}`;
      if (error instanceof ConnectionRefusedError && error.privateData.byteLength > 0) {
        throw rejectionError(what, error.privateData, error);
      }
      const reason = error instanceof Error ? error.message : String(error);
      throw new RfaasError(
        'RFAAS_ERR_MANAGER_LOST',
        `${what}: ${reason}; is it running, and is the address right?`,
        {
          cause: error,
        },
      );
    }
  }

  async #listen(channel: MessageChannel): Promise<void> {
    for await (const bytes of channel.messages()) {
      this.#take(decodeMessage(bytes));
    }
    if (!this.#closing.signal.aborted) {
      const end = await channel.disconnected;
      const why = end.kind === 'failed' ? end.error.message : 'it closed the connection or died';
      throw new RfaasError(
        'RFAAS_ERR_MANAGER_LOST',
        `lost the resource manager at ${this.#options.url}: ${why}`,
        end.kind === 'failed' ? { cause: end.error } : {},
      );
    }
  }

  #take(message: Message): void {
    switch (message.kind) {
      case 'lease-end':
        this.#options.onLeaseEnd(message.leaseId, message.reason);
        break;
      default:
        throw new RfaasError('RFAAS_ERR_PROTOCOL', `the resource manager sent ${message.kind}`);
    }
  }

  async #deliver(): Promise<void> {
    if (this.#sending) {
      return;
    }
    this.#sending = true;
    try {
      while (this.#channel !== undefined) {
        const message = this.#undelivered.take();
        if (message === undefined) {
          break;
        }
        if (!(await this.#post(this.#channel, message))) {
          this.#undelivered.giveBack(message);
          break;
        }
      }
    } finally {
      this.#sending = false;
    }
    const dropped = this.#undelivered.takeDropped();
    if (dropped > 0) {
      this.#options.logger.error('the resource manager is away for too long: reports were dropped', {
        dropped,
      });
    }
  }

  async #post(channel: MessageChannel, message: OutgoingMessage): Promise<boolean> {
    try {
      await channel.send(encodeMessage(message));
      return true;
    } catch (error) {
      this.#options.logger.debug('cannot send to the resource manager', {
        ...errorFields(error),
        kind: message.kind,
      });
      return false;
    }
  }
}

/** What another attempt would not change: another node has this name, or the key is wrong. */
function isFinal(error: unknown): boolean {
  return (
    error instanceof RfaasError &&
    ['RFAAS_ERR_NODE_EXISTS', 'RFAAS_ERR_UNAUTHORISED', 'RFAAS_ERR_VERSION', 'RFAAS_ERR_USAGE'].includes(
      error.code,
    )
  );
}
