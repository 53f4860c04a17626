import { completeAllocateOptions, type AllocateOptions } from './allocate-options.ts';
import { allocateExecutor, giveUp } from './allocation.ts';
import { ExecutorManagerSession, type LeaseGrant, type SessionListener } from './executor-manager-session.ts';
import { Executor } from './executor.ts';
import type { FunctionPackage } from './functions/function-package.ts';
import { openLanding, type Landing } from './landing.ts';
import type { ReachedNode } from './lease-provider.ts';
import type { NativeLoops } from './native-loops.ts';

/** How long a node may take to confirm a renewal. */
const RENEWAL_TIMEOUT_MS = 5_000;

/** What a lease has on one node: the connection to its executor manager, and the executors there. */
export class LeaseNode {
  readonly #listener: SessionListener;
  readonly #peerTimeoutMs: number;
  readonly #executors = new Set<Executor>();
  #allocating = 0;
  #grant: LeaseGrant;
  #session: Promise<ExecutorManagerSession> | undefined;
  #landing: Landing | undefined;

  /** `peerTimeoutMs`: a manager or an executor on another host of which nothing is heard for this long is lost. */
  constructor(
    grant: LeaseGrant,
    reached: ReachedNode | undefined,
    listener: SessionListener,
    peerTimeoutMs: number,
  ) {
    this.#grant = grant;
    this.#peerTimeoutMs = peerTimeoutMs;
    this.#listener = listener;
    this.#landing = reached?.landing;
    if (reached !== undefined) this.#adopt(Promise.resolve(reached.session));
  }

  get name(): string {
    return this.#grant.node;
  }

  get cores(): number {
    return this.#grant.cores;
  }

  get memoryMiB(): number {
    return this.#grant.memoryMiB;
  }

  get executors(): readonly Executor[] {
    return [...this.#executors];
  }

  /** Whether there are executors, or soon will be. */
  get isInUse(): boolean {
    return this.#executors.size > 0 || this.#allocating > 0;
  }

  /** Cores that no executor has. */
  get freeCores(): number {
    return this.executors.reduce((free, { threads }) => free - threads, this.cores);
  }

  /** Starts an executor with a package that is being read. Throws as `lease.allocate`. */
  async allocate(
    functionPackage: Promise<FunctionPackage>,
    options: AllocateOptions,
    loops: NativeLoops,
  ): Promise<Executor> {
    this.#allocating += 1;
    try {
      return await this.#allocate(functionPackage, options, loops);
    } finally {
      this.#allocating -= 1;
    }
  }

  /** The lease is renewed: its node is told, if it is connected. Rejects with what the node refuses it with. */
  async renew(grant: LeaseGrant): Promise<void> {
    if (grant.generation <= this.#grant.generation) return;
    this.#grant = grant;
    const session = await this.#session?.catch(() => undefined);
    await session?.renew(grant.token, RENEWAL_TIMEOUT_MS);
  }

  /** Deallocates its executors and disconnects. Rejects with the first error of an executor. */
  async close(): Promise<void> {
    const results = await Promise.allSettled(this.executors.map((executor) => executor.deallocate()));
    await this.#takeLanding()?.transport.close();
    try {
      await (await this.#session)?.close();
    } catch {
      // It never connected, which whoever allocated was told.
    }
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  async #allocate(
    reading: Promise<FunctionPackage>,
    options: AllocateOptions,
    loops: NativeLoops,
  ): Promise<Executor> {
    const complete = completeAllocateOptions(options, this.cores);
    const connecting = this.#connect(complete);
    const memoryMiB = Math.max(1, Math.floor((this.memoryMiB * complete.cores) / this.cores));
    const [functionPackage, session, landing] = await this.#gather(reading, connecting);
    const allocation = await allocateExecutor({
      grant: this.#grant,
      session,
      functionPackage,
      landing,
      options: complete,
      memoryMiB,
      peerTimeoutMs: this.#peerTimeoutMs,
    });
    try {
      const onEnd = (executor: Executor): void => void this.#executors.delete(executor);
      const executor = new Executor({
        node: this.name,
        session,
        allocation,
        loops,
        options: complete,
        onEnd,
      });
      this.#executors.add(executor);
      return executor;
    } catch (error) {
      await giveUp(session, allocation.allocationId);
      await allocation.transport.close();
      throw error;
    }
  }

  /** What an allocation needs, all of it at the same time; what was opened is closed where anything fails. */
  async #gather(
    reading: Promise<FunctionPackage>,
    connecting: Promise<ExecutorManagerSession>,
  ): Promise<[FunctionPackage, ExecutorManagerSession, Landing]> {
    const ready = this.#takeLanding();
    const opening = ready === undefined ? openLanding(this.#grant.url) : Promise.resolve(ready);
    try {
      return await Promise.all([reading, connecting, opening]);
    } catch (error) {
      await opening.then(
        async ({ transport }) => transport.close(),
        () => undefined,
      );
      throw error;
    }
  }

  #takeLanding(): Landing | undefined {
    const landing = this.#landing;
    this.#landing = undefined;
    return landing;
  }

  #connect(options: {
    readonly timeoutMs: number;
    readonly signal: AbortSignal | undefined;
  }): Promise<ExecutorManagerSession> {
    if (this.#session === undefined) {
      const { timeoutMs, signal } = options;
      const peerTimeoutMs = this.#peerTimeoutMs;
      this.#adopt(
        ExecutorManagerSession.connect(this.#grant, this.#listener, { timeoutMs, signal, peerTimeoutMs }),
      );
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
}
