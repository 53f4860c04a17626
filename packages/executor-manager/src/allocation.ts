import { setTimeout as delay } from 'node:timers/promises';
import { decodeMessage, encodeMessage, equalSecrets, errorFields, RfaasError } from '@rfaas/core';
import type { AllocationEnded, ExecutorAssignment, Lease, Logger, OutgoingMessage } from '@rfaas/core';
import { MessageChannel } from '@rfaas/rdmalib';
import type { CompletionQueue, ConnectionRequest, Endpoint, ProtectionDomain } from '@rfaas/rdmalib';
import { AccountingRegion } from './accounting-region.ts';
import type { AllocationObserver, AllocationPhase } from './allocation-observer.ts';
import { allocationOutcome, stopReasonOf } from './allocation-outcome.ts';
import type { EndCause } from './allocation-outcome.ts';
import type { ExecutorHandle, ExecutorLauncher } from './launchers/executor-launcher.ts';
import { UsageAccount } from './usage-account.ts';
import type { AllocationUsage, ThreadCounters } from './usage-account.ts';

/** How long to wait for messages of an executor whose process has ended. */
const lastWordsMs = 500;

/** What an allocation is made of. */
export interface AllocationOptions {
  readonly allocationId: string;
  readonly lease: Lease;
  readonly memoryMiB: number;
  readonly assignment: ExecutorAssignment;
  readonly domain: ProtectionDomain;
  readonly launcher: ExecutorLauncher;
  readonly startTimeoutMs: number;
  readonly stopTimeoutMs: number;
  readonly logger: Logger;
  readonly observer: AllocationObserver;
  /** When the client asked for it, on the clock of `now`. */
  readonly asked: number;
  /** Nanoseconds of a monotonic clock. */
  readonly now: () => number;
}

/** One executor, from its start to what is left of it: its bill. */
export class Allocation {
  readonly allocationId: string;
  readonly leaseId: string;
  readonly cores: number;
  readonly memoryMiB: number;
  /** Settles once nothing of the executor is left. Never rejects. */
  readonly ended: Promise<AllocationEnded>;
  readonly #options: AllocationOptions;
  readonly #executor: ExecutorHandle;
  readonly #accounting: AccountingRegion;
  readonly #account: UsageAccount;
  readonly #threads = new Map<number, Endpoint>();
  readonly #reported: ThreadCounters[] = [];
  #phaseStart: number;
  #threadQueue: CompletionQueue | undefined;
  #control: MessageChannel | undefined;
  #controlTaken = false;
  #cause: EndCause | undefined;
  #failure: string | undefined;
  #ready = false;
  #closed = false;
  #startTimer: NodeJS.Timeout;
  #killTimer: NodeJS.Timeout | undefined;
  #listening: Promise<void> | undefined;
  #finalUsage: AllocationUsage | undefined;

  /** Starts the executor. Throws RdmaError where there is no memory for its counters. */
  constructor(options: AllocationOptions) {
    const { assignment } = options;
    this.allocationId = options.allocationId;
    this.leaseId = options.lease.leaseId;
    this.cores = assignment.threads;
    this.memoryMiB = options.memoryMiB;
    this.#options = options;
    this.#accounting = new AccountingRegion(options.domain, assignment.threads);
    this.#account = new UsageAccount(assignment.threads, options.memoryMiB, options.now());
    this.#phaseStart = options.asked;
    this.#executor = options.launcher.launch(assignment);
    options.observer.started();
    this.#endPhase('launch');
    this.#startTimer = setTimeout(() => this.end('start-timeout'), options.startTimeoutMs);
    this.ended = this.#supervise();
  }

  /** For logs. */
  get pid(): number | undefined {
    return this.#executor.pid;
  }

  /** Whether a connection that shows `secret` comes from this executor. */
  accepts(secret: string): boolean {
    return equalSecrets(secret, this.#options.assignment.managerSecret);
  }

  /** Takes the connection of the executor's main thread; false if there is one already. */
  async takeControl(request: ConnectionRequest): Promise<boolean> {
    if (this.#controlTaken || this.#closed) {
      return false;
    }
    this.#controlTaken = true;
    const channel = await MessageChannel.accept(request);
    this.#control = channel;
    this.#endPhase('connect');
    const { address, rkey, byteLength } = this.#accounting.remote;
    const { flushMs } = this.#options.assignment;
    await this.#send({ kind: 'executor-welcome', address, rkey, length: byteLength, flushMs });
    if (this.#cause !== undefined) {
      await this.#send({ kind: 'executor-stop', reason: stopReasonOf(this.#cause) });
    }
    this.#listening = this.#listen(channel);
    return true;
  }

  /** Takes the connection over which a thread adds up its usage; false if that thread has one, or does not exist. */
  async takeThread(request: ConnectionRequest, thread: number): Promise<boolean> {
    if (this.#closed || thread >= this.#options.assignment.threads || this.#threads.has(thread)) {
      return false;
    }
    const { domain, assignment } = this.#options;
    this.#threadQueue ??= domain.createCompletionQueue({ depth: 2 * assignment.threads });
    const endpoint = request.createEndpoint({
      sendCompletions: this.#threadQueue,
      receiveCompletions: this.#threadQueue,
      sendQueueDepth: 1,
      receiveQueueDepth: 1,
    });
    this.#threads.set(thread, endpoint);
    await request.accept(endpoint);
    return true;
  }

  /** Ends it; whoever asks first is the reason. `ended` settles once it is over. Idempotent. */
  end(cause: EndCause): void {
    if (this.#cause !== undefined || this.#closed) {
      return;
    }
    this.#cause = cause;
    this.#phaseStart = this.#options.now();
    const { stopTimeoutMs } = this.#options;
    if (cause === 'start-timeout') {
      this.#executor.kill();
      return;
    }
    this.#killTimer = setTimeout(() => this.#executor.kill(), stopTimeoutMs);
    void this.#send({ kind: 'executor-stop', reason: stopReasonOf(cause) });
  }

  /** The bill up to now; after the end, the last one. */
  usage(): AllocationUsage {
    return this.#finalUsage ?? this.#account.read(this.#counters(), this.#options.now());
  }

  async #supervise(): Promise<AllocationEnded> {
    const exit = await this.#executor.exited;
    clearTimeout(this.#startTimer);
    clearTimeout(this.#killTimer);
    this.#closed = true;
    // What the executor said last may still be on its way through the event loop.
    await Promise.race([this.#listening, delay(lastWordsMs)]);
    await this.#control?.close();
    for (const endpoint of this.#threads.values()) {
      await endpoint.close();
    }
    this.#threadQueue?.close();
    this.#finalUsage = this.usage();
    if (this.#cause !== undefined) {
      this.#endPhase('stop');
    }
    this.#accounting.close();
    return allocationOutcome({
      allocationId: this.allocationId,
      cause: this.#cause,
      exit,
      failure: this.#failure,
      ready: this.#ready,
      startTimeoutMs: this.#options.startTimeoutMs,
      lastOutput: this.#executor.lastOutput(),
    });
  }

  #becomeReady(): void {
    const { observer, asked, now } = this.#options;
    this.#ready = true;
    clearTimeout(this.#startTimer);
    if (this.#cause === undefined) {
      this.#endPhase('prepare');
      observer.ready((now() - asked) / 1e9);
    }
  }

  #endPhase(phase: AllocationPhase): void {
    const now = this.#options.now();
    this.#options.observer.phase(phase, (now - this.#phaseStart) / 1e9);
    this.#phaseStart = now;
  }

  #counters(): ThreadCounters[] {
    return this.#accounting.read().map((counters, thread) => this.#reported[thread] ?? counters);
  }

  async #listen(channel: MessageChannel): Promise<void> {
    try {
      for await (const bytes of channel.messages()) {
        this.#take(decodeMessage(bytes));
      }
    } catch (error) {
      this.#options.logger.warn('executor sent what is no message: ending it', errorFields(error));
      this.#failure ??= 'the executor broke the protocol with its manager';
      this.#executor.kill();
    }
  }

  #take(message: ReturnType<typeof decodeMessage>): void {
    switch (message.kind) {
      case 'executor-ready':
        this.#becomeReady();
        break;
      case 'executor-failed':
        this.#failure ??= message.text;
        // It is about to end by itself, or its thread hangs.
        this.#killTimer ??= setTimeout(() => this.#executor.kill(), this.#options.stopTimeoutMs);
        break;
      case 'usage-update':
        if (message.thread < this.#options.assignment.threads) {
          const { hotPollingNs, executionNs, invocations } = message;
          this.#reported[message.thread] = { hotPollingNs, executionNs, invocations };
        }
        break;
      default:
        throw new RfaasError('RFAAS_ERR_PROTOCOL', `executor sent ${message.kind}`);
    }
  }

  async #send(message: OutgoingMessage): Promise<void> {
    try {
      await this.#control?.send(encodeMessage(message));
    } catch (error) {
      // The executor is gone, or about to be: its exit is awaited anyway.
      this.#options.logger.debug('cannot send to the executor', {
        ...errorFields(error),
        kind: message.kind,
      });
    }
  }
}
