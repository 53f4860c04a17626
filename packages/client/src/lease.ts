import { RfaasError, type Usage } from '@rfaas/core';
import { completeAllocateOptions, type AllocateOptions } from './allocate-options.ts';
import { allocateExecutor, giveUp, type Allocation } from './allocation.ts';
import { ExecutorManagerSession, type LeaseGrant, type SessionListener } from './executor-manager-session.ts';
import { Executor } from './executor.ts';
import { readFunctionPackage, type FunctionSource } from './functions/function-package.ts';
import type { LeaseProvider } from './lease-provider.ts';
import type { NativeLoops } from './native-loops.ts';

/** What a lease is made of. */
export interface LeaseParts {
  readonly grant: LeaseGrant;
  /** The connection to its node, if there is one already. */
  readonly session: ExecutorManagerSession | undefined;
  readonly provider: LeaseProvider;
  readonly listener: SessionListener;
  /** A manager or an executor on another host of which nothing is heard for this long is lost. */
  readonly peerTimeoutMs: number;
  readonly loadLoops: () => NativeLoops;
  /** Called once, when it was released. */
  readonly onReleased: (lease: Lease) => void;
}

/**
 * The right to cores and memory of one node for a while. Made by `client.lease`; give it back with {@link release} or
 * `await using`.
 */
export class Lease implements AsyncDisposable {
  readonly id: string;
  readonly node: string;
  readonly cores: number;
  readonly memoryMiB: number;
  readonly expiry: Date;
  readonly #parts: LeaseParts;
  readonly #executors = new Set<Executor>();
  #session: Promise<ExecutorManagerSession> | undefined;
  #release: Promise<Usage | undefined> | undefined;

  /** For `client.lease`. */
  constructor(parts: LeaseParts) {
    this.#parts = parts;
    const { leaseId, node, cores, memoryMiB, expiry } = parts.grant;
    this.id = leaseId;
    this.node = node;
    this.cores = cores;
    this.memoryMiB = memoryMiB;
    this.expiry = new Date(expiry);
    if (parts.session !== undefined) this.#adopt(Promise.resolve(parts.session));
  }

  /** The executors that run under this lease. */
  get executors(): readonly Executor[] {
    return [...this.#executors];
  }

  /**
   * Starts an executor with the functions of a library (`{ library }`) or a JavaScript module (`{ module }`) and waits
   * until it is ready.
   *
   * Throws RfaasError: RFAAS_ERR_PACKAGE for a package that does not load, RFAAS_ERR_NO_CAPACITY for more cores than the
   * lease has left, RFAAS_ERR_LEASE_EXPIRED, RFAAS_ERR_ALLOCATION_FAILED, RFAAS_ERR_MANAGER_LOST, RFAAS_ERR_DEADLINE,
   * RFAAS_ERR_ABORTED.
   */
  async allocate(source: FunctionSource, options: AllocateOptions = {}): Promise<Executor> {
    this.#requireOpen();
    const complete = completeAllocateOptions(options, this.cores);
    const loops = this.#parts.loadLoops();
    const functionPackage = await readFunctionPackage(source);
    const session = await this.#connect(complete);
    this.#requireOpen();
    const { grant, peerTimeoutMs } = this.#parts;
    const memoryMiB = Math.max(1, Math.floor((this.memoryMiB * complete.cores) / this.cores));
    const allocation = await allocateExecutor({
      grant,
      session,
      functionPackage,
      options: complete,
      memoryMiB,
      peerTimeoutMs,
    });
    return this.#makeExecutor(session, allocation, loops, complete);
  }

  /** What the lease has used so far, as far as its node has reported. Undefined where no resource manager keeps the bill. */
  async usage(): Promise<Usage | undefined> {
    this.#requireOpen();
    return this.#parts.provider.usage(this.id);
  }

  /** Deallocates its executors and gives the lease back; resolves to what it used. Idempotent. */
  release(): Promise<Usage | undefined> {
    this.#release ??= this.#doRelease();
    return this.#release;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  async #makeExecutor(
    session: ExecutorManagerSession,
    allocation: Allocation,
    loops: NativeLoops,
    options: ReturnType<typeof completeAllocateOptions>,
  ): Promise<Executor> {
    try {
      const onEnd = (executor: Executor): void => void this.#executors.delete(executor);
      const executor = new Executor({ node: this.node, session, allocation, loops, options, onEnd });
      this.#executors.add(executor);
      return executor;
    } catch (error) {
      await giveUp(session, allocation.allocationId);
      await allocation.transport.close();
      throw error;
    }
  }

  #connect(options: {
    readonly timeoutMs: number;
    readonly signal: AbortSignal | undefined;
  }): Promise<ExecutorManagerSession> {
    if (this.#session === undefined) {
      const { grant, listener, peerTimeoutMs } = this.#parts;
      const { timeoutMs, signal } = options;
      this.#adopt(ExecutorManagerSession.connect(grant, listener, { timeoutMs, signal, peerTimeoutMs }));
    }
    return this.#session!;
  }

  /** Keeps a session until it ends; the next allocation then connects anew. */
  #adopt(session: Promise<ExecutorManagerSession>): void {
    this.#session = session;
    const forget = (): void => {
      if (this.#session === session) this.#session = undefined;
    };
    session.then((connected) => void connected.connection.ended.then(forget), forget);
  }

  async #doRelease(): Promise<Usage | undefined> {
    const results = await Promise.allSettled([...this.#executors].map((executor) => executor.deallocate()));
    try {
      await (await this.#session)?.close();
    } catch {
      // It never connected, which whoever allocated was told.
    }
    try {
      const usage = await this.#parts.provider.release(this.id);
      for (const result of results) if (result.status === 'rejected') throw result.reason;
      return usage;
    } finally {
      this.#parts.onReleased(this);
    }
  }

  #requireOpen(): void {
    if (this.#release !== undefined) {
      throw new RfaasError('RFAAS_ERR_LEASE_TERMINATED', `lease ${this.id} was released; take a new one`);
    }
    if (Date.now() >= this.#parts.grant.expiry) {
      throw new RfaasError(
        'RFAAS_ERR_LEASE_EXPIRED',
        `lease ${this.id} expired at ${this.expiry.toISOString()}; take a new one`,
      );
    }
  }
}
