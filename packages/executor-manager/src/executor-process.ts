import { setTimeout as delay } from 'node:timers/promises';
import { decodeMessage, encodeMessage, equalSecrets, errorFields, RfaasError } from '@rfaas/core';
import type { ExecutorAssignment, ExecutorPreparation, Logger, OutgoingMessage } from '@rfaas/core';
import { MessageChannel } from '@rfaas/rdmalib';
import type { CompletionQueue, ConnectionRequest, Endpoint, ProtectionDomain } from '@rfaas/rdmalib';
import { AccountingRegion } from './accounting-region.ts';
import type { ExecutorStopReason, ProcessExit } from './allocation-outcome.ts';
import type { ExecutorHandle, ExecutorLauncher } from './launchers/executor-launcher.ts';
import type { ThreadCounters } from './usage-account.ts';

/** How long to wait for messages of an executor whose process has ended. */
const lastWordsMs = 500;

/** What an executor process is started with. */
export interface ExecutorProcessOptions {
  readonly preparation: ExecutorPreparation;
  /** Where it may run until it is assigned. */
  readonly cpus: readonly number[];
  /** How many threads it may ever have. */
  readonly mostThreads: number;
  readonly flushMs: number;
  readonly domain: ProtectionDomain;
  readonly launcher: ExecutorLauncher;
  readonly logger: Logger;
}

/** What an allocation hears of its executor. */
export interface ExecutorListener {
  /** It is connected to the client. */
  ready(): void;
  /** It cannot run and is about to end. */
  failed(text: string): void;
  /** It has left the client and waits for an assignment. */
  released(): void;
}

const nobody: ExecutorListener = {
  ready: () => undefined,
  failed: () => undefined,
  released: () => undefined,
};

/**
 * An executor from its start to what is left of it, with the connections that it makes to this manager. It serves nobody
 * until it is assigned, and then one allocation after the other, all of one client.
 */
export class ExecutorProcess {
  readonly executorId: string;
  /** Settles once the process has ended and everything that it said was heard. Never rejects. */
  readonly exited: Promise<ProcessExit>;
  /** Settles once it is connected to this manager, and never if it is not. */
  readonly connected: Promise<void>;
  /** Settles once its threads and their memory are there, and never if they are not. */
  readonly prepared: Promise<void>;
  readonly #options: ExecutorProcessOptions;
  readonly #handle: ExecutorHandle;
  readonly #accounting: AccountingRegion;
  readonly #threads = new Map<number, Endpoint>();
  #reported: ThreadCounters[] = [];
  #lastCounters: readonly ThreadCounters[] | undefined;
  #threadQueue: CompletionQueue | undefined;
  #control: MessageChannel | undefined;
  #controlTaken = false;
  #stopReason: ExecutorStopReason | undefined;
  #closed = false;
  #isPrepared = false;
  #listener = nobody;
  #listening: Promise<void> | undefined;
  #resolveConnected: () => void = () => undefined;
  #resolvePrepared: () => void = () => undefined;

  /** Starts it. Throws RdmaError where there is no memory for its counters. */
  constructor(options: ExecutorProcessOptions) {
    const { preparation, cpus, domain, mostThreads } = options;
    this.executorId = preparation.executorId;
    this.#options = options;
    this.#accounting = new AccountingRegion(domain, mostThreads);
    this.connected = new Promise((resolve) => {
      this.#resolveConnected = resolve;
    });
    this.prepared = new Promise((resolve) => {
      this.#resolvePrepared = resolve;
    });
    this.#handle = options.launcher.launch(preparation, cpus);
    this.exited = this.#supervise();
  }

  /** For logs. */
  get pid(): number | undefined {
    return this.#handle.pid;
  }

  /** Whether its threads and their memory are there. */
  get isPrepared(): boolean {
    return this.#isPrepared;
  }

  /** Whether nothing of it is left. */
  get hasExited(): boolean {
    return this.#closed;
  }

  /** Whether a connection that shows `secret` comes from this executor. */
  accepts(secret: string): boolean {
    return equalSecrets(secret, this.#options.preparation.managerSecret);
  }

  /** Takes the connection of the executor's main thread; false if there is one already. */
  async takeControl(request: ConnectionRequest): Promise<boolean> {
    if (this.#controlTaken || this.#closed) {
      return false;
    }
    this.#controlTaken = true;
    const channel = await MessageChannel.accept(request);
    this.#control = channel;
    this.#resolveConnected();
    const { address, rkey, byteLength } = this.#accounting.remote;
    const { flushMs } = this.#options;
    await this.#send({ kind: 'executor-welcome', address, rkey, length: byteLength, flushMs });
    if (this.#stopReason !== undefined) {
      await this.#send({ kind: 'executor-stop', reason: this.#stopReason });
    }
    this.#listening = this.#listen(channel);
    return true;
  }

  /** Takes the connection over which a thread adds up its usage; false if that thread has one, or cannot be. */
  async takeThread(request: ConnectionRequest, thread: number): Promise<boolean> {
    const { domain, mostThreads } = this.#options;
    if (this.#closed || thread >= mostThreads || this.#threads.has(thread)) {
      return false;
    }
    this.#threadQueue ??= domain.createCompletionQueue({ depth: 2 * mostThreads });
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

  /** Has it serve, on the assignment's cores. */
  assign(assignment: ExecutorAssignment, listener: ExecutorListener): void {
    this.#listener = listener;
    this.#reported = [];
    this.#handle.assign(assignment);
  }

  /** Has it leave its client; `released` is heard once it has. */
  release(): void {
    void this.#send({ kind: 'executor-release' });
  }

  /** Asks it to end. */
  stop(reason: ExecutorStopReason): void {
    this.#stopReason ??= reason;
    void this.#send({ kind: 'executor-stop', reason });
  }

  /** Ends it at once. */
  kill(): void {
    this.#handle.kill();
  }

  /** The last lines that it wrote. */
  lastOutput(): string {
    return this.#handle.lastOutput();
  }

  /** What each thread has used: since the executor's start, or where it is told in messages since the last assignment. */
  counters(): readonly ThreadCounters[] {
    return (
      this.#lastCounters ??
      this.#accounting.read().map((counters, thread) => this.#reported[thread] ?? counters)
    );
  }

  async #supervise(): Promise<ProcessExit> {
    const exit = await this.#handle.exited;
    this.#closed = true;
    // What the executor said last may still be on its way through the event loop.
    await Promise.race([this.#listening, delay(lastWordsMs)]);
    await this.#control?.close();
    for (const endpoint of this.#threads.values()) {
      await endpoint.close();
    }
    this.#threadQueue?.close();
    this.#lastCounters = this.counters();
    this.#accounting.close();
    return exit;
  }

  async #listen(channel: MessageChannel): Promise<void> {
    try {
      for await (const bytes of channel.messages()) {
        this.#take(decodeMessage(bytes));
      }
    } catch (error) {
      this.#options.logger.warn('executor sent what is no message: ending it', errorFields(error));
      this.#listener.failed('the executor broke the protocol with its manager');
      this.#handle.kill();
    }
  }

  #take(message: ReturnType<typeof decodeMessage>): void {
    switch (message.kind) {
      case 'executor-prepared':
        this.#isPrepared = true;
        this.#resolvePrepared();
        break;
      case 'executor-ready':
        this.#listener.ready();
        break;
      case 'executor-released':
        this.#listener.released();
        break;
      case 'executor-failed':
        this.#listener.failed(message.text);
        break;
      case 'usage-update':
        if (message.thread < this.#options.mostThreads) {
          const { hotPollingNs, executionNs, invocations, hotToWarm } = message;
          this.#reported[message.thread] = { hotPollingNs, executionNs, invocations, hotToWarm };
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
