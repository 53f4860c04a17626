import { setTimeout as delay } from 'node:timers/promises';
import { decodeMessage, encodeMessage, errorFields, firstPlace, refusalError, RfaasError } from '@rfaas/core';
import type { LeaseHeld, Logger, Message, OutgoingMessage, RegisterNode, UsageReport } from '@rfaas/core';
import { openTransport, type MessageChannel } from '@rfaas/rdmalib';
import type { BillCollector } from './bill-collector.ts';
import { closeRegistered, registerNode, type Registered } from './register-node.ts';
import { UndeliveredReports } from './undelivered-reports.ts';

const firstBackoffMs = 100;
const longestBackoffMs = 5000;
/** Where there are several managers another one may serve already: it is looked for more often. */
const longestBackoffOfSeveralMs = 500;
const handshakeTimeoutMs = 5000;
/** A manager of which nothing is heard for this long is left for another one, where there are several. */
const silenceOfSeveralMs = 3000;

/** What a link needs. */
export interface ResourceManagerLinkOptions {
  /** Of all resource managers of the cluster: one of them serves. */
  readonly urls: readonly string[];
  readonly nodeKey: Uint8Array;
  readonly registration: Omit<RegisterNode, 'held'>;
  /** The leases that hold something on this node. */
  readonly held: () => readonly LeaseHeld[];
  /** A resource manager of which nothing is heard for this long is gone. */
  readonly peerTimeoutMs: number;
  readonly logger: Logger;
  /** The resource manager ends a lease. */
  onLeaseEnd(leaseId: string, reason: string): void;
  /** The resource manager takes this node out of service, and ends what runs here after `graceMs`. */
  onDrain(graceMs: number): void;
  onResume(): void;
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
  #leaving: number | undefined;
  #sending = false;
  #resolveRegistered: () => void = () => undefined;
  #fail: (error: unknown) => void = () => undefined;
  #whenStored: () => void = () => undefined;
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

  nodeLeaves(graceMs: number): void {
    this.#leaving = performance.now() + graceMs;
    if (this.#channel !== undefined) {
      void this.#post(this.#channel, { kind: 'node-drain', graceMs });
    }
  }

  /** Tells what is still to be told and waits until it is stored, for at most a second, and disconnects. */
  async close(): Promise<void> {
    await Promise.race([this.#allStored(), delay(1000, undefined, { ref: false })]);
    this.#closing.abort();
    await this.#channel?.close();
    await this.#running;
  }

  async #allStored(): Promise<void> {
    await this.#deliver();
    if (this.#channel !== undefined && this.#undelivered.unconfirmed > 0) {
      await new Promise<void>((resolve) => {
        this.#whenStored = resolve;
      });
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    const { urls, logger } = this.#options;
    let places = urls;
    while (!signal.aborted) {
      let url: string | undefined;
      try {
        const registered = await this.#register(places);
        url = registered.url;
        await this.#serve(registered);
      } catch (error) {
        if (signal.aborted) {
          return;
        }
        this.#lastError = error;
        if (isFinal(error)) {
          this.#fail(error);
          return;
        }
        logger.warn('resource manager is away', { ...errorFields(error), url });
      }
      await delay(firstBackoffMs, undefined, { signal, ref: false }).catch(() => undefined);
      // The others first.
      places = [...urls.filter((each) => each !== url), ...urls.filter((each) => each === url)];
    }
  }

  /** Registers at whichever resource manager takes this node. */
  async #register(places: readonly string[]): Promise<Registered> {
    const { logger } = this.#options;
    return firstPlace({
      places,
      attempt: (url, over) => this.#connect(url, over),
      discard: closeRegistered,
      isFinal,
      onFailure: (error, url, retryMs) => {
        this.#lastError = error;
        // Of several most do not serve, which is as it should be.
        const level = places.length > 1 ? 'debug' : 'warn';
        logger[level]('resource manager is away', { ...errorFields(error), url, retryMs });
      },
      firstBackoffMs,
      longestBackoffMs: places.length > 1 ? longestBackoffOfSeveralMs : longestBackoffMs,
      signal: this.#closing.signal,
    });
  }

  async #connect(url: string, over: AbortSignal): Promise<Registered> {
    const { nodeKey, registration, held, urls, peerTimeoutMs: timeoutMs } = this.#options;
    const transport = openTransport(url);
    try {
      const signal = AbortSignal.any([this.#closing.signal, over, AbortSignal.timeout(handshakeTimeoutMs)]);
      const take = (message: Message): void => this.#take(message);
      const peerTimeoutMs = urls.length > 1 ? Math.min(timeoutMs, silenceOfSeveralMs) : timeoutMs;
      const offer = { nodeKey, registration, held: held(), take, peerTimeoutMs };
      return {
        url,
        transport,
        channel: await registerNode(transport.openProtectionDomain(), url, offer, signal),
      };
    } catch (error) {
      await transport.close();
      throw error;
    }
  }

  /** Listens until the connection ends, which is an error unless this side closed it. */
  async #serve(registered: Registered): Promise<void> {
    const { url, channel } = registered;
    this.#options.logger.info('registered with the resource manager', { url });
    this.#channel = channel;
    this.#resolveRegistered();
    if (this.#leaving !== undefined) {
      void this.#post(channel, {
        kind: 'node-drain',
        graceMs: Math.max(0, this.#leaving - performance.now()),
      });
    }
    void this.#deliver();
    try {
      await this.#listen(channel, url);
    } finally {
      this.#channel = undefined;
      this.#undelivered.giveBackTold();
      this.#whenStored();
      await closeRegistered(registered);
    }
  }

  async #listen(channel: MessageChannel, url: string): Promise<void> {
    for await (const bytes of channel.messages()) {
      this.#take(decodeMessage(bytes));
    }
    if (!this.#closing.signal.aborted) {
      const end = await channel.disconnected;
      const why = end.kind === 'failed' ? end.error.message : 'it closed the connection or died';
      throw new RfaasError(
        'RFAAS_ERR_MANAGER_LOST',
        `lost the resource manager at ${url}: ${why}`,
        end.kind === 'failed' ? { cause: end.error } : {},
      );
    }
  }

  #take(message: Message): void {
    switch (message.kind) {
      case 'lease-end':
        this.#options.onLeaseEnd(message.leaseId, message.reason);
        break;
      case 'usage-taken':
        this.#undelivered.confirm(message.allocationId, message.sequence);
        if (this.#undelivered.unconfirmed === 0) {
          this.#whenStored();
        }
        break;
      case 'node-drain':
        this.#options.onDrain(message.graceMs);
        break;
      case 'node-resume':
        this.#options.onResume();
        break;
      case 'refused':
        throw refusalError(message);
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
