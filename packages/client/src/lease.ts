import { RfaasError, type Usage } from '@rfaas/core';
import type { AllocateOptions } from './allocate-options.ts';
import { ExecutorGroup } from './executor-group.ts';
import type { Executor } from './executor.ts';
import {
  readFunctionPackage,
  type FunctionPackage,
  type FunctionSource,
} from './functions/function-package.ts';
import { LeaseNode } from './lease-node.ts';
import type { GrantedLease, LeaseListener, LeaseProvider, ReachedNode } from './lease-provider.ts';
import { grantedEnd, LeaseRenewal } from './lease-renewal.ts';
import type { NativeLoops } from './native-loops.ts';

/** Longer than a resource manager takes to start anew, or another one to take over. */
const RELEASE_PATIENCE_MS = 10_000;

/** What a lease is made of. */
export interface LeaseParts {
  readonly granted: GrantedLease;
  /** What there is already with its node. */
  readonly reached: ReachedNode | undefined;
  readonly provider: LeaseProvider;
  readonly listener: LeaseListener;
  /** A manager or an executor on another host of which nothing is heard for this long is lost. */
  readonly peerTimeoutMs: number;
  readonly loadLoops: () => NativeLoops;
  /** For how long it is renewed. */
  readonly durationMs: number;
  /** Whether it is renewed by itself. */
  readonly renew: boolean;
  /** Called once, when it was released. */
  readonly onReleased: (lease: Lease) => void;
}

/** How an executor of a lease shall be allocated, and on which of its nodes. */
export interface LeaseAllocateOptions extends AllocateOptions {
  /** Default: the first node of the lease with so many cores free. */
  readonly node?: string | undefined;
}

/**
 * The right to cores and memory of one or several nodes for a while. Made by `client.lease`; give it back with
 * {@link release} or `await using`.
 */
export class Lease implements AsyncDisposable {
  readonly id: string;
  /** The names of its nodes. */
  readonly nodes: readonly string[];
  /** Of all its nodes. */
  readonly cores: number;
  /** Of all its nodes. */
  readonly memoryMiB: number;
  readonly #parts: LeaseParts;
  readonly #nodes: readonly LeaseNode[];
  readonly #renewal: LeaseRenewal | undefined;
  #granted: GrantedLease;
  /** When it ends, by a clock that nobody sets: milliseconds as `performance.now` has them. */
  #end: number;
  /** The longest time that it was ever asked for: where an answer was lost, a later one may tell of it. */
  #longestMs: number;
  #lost: RfaasError | undefined;
  #release: Promise<Usage | undefined> | undefined;

  /** For `client.lease`. */
  constructor(parts: LeaseParts) {
    const { granted, reached, listener, peerTimeoutMs } = parts;
    this.#parts = parts;
    this.#granted = granted;
    this.#longestMs = parts.durationMs;
    this.#end = grantedEnd(granted.expiry, this.#longestMs);
    this.id = granted.leaseId;
    this.#nodes = granted.shares.map((share) => new LeaseNode(share, reached, listener, peerTimeoutMs));
    this.nodes = this.#nodes.map(({ name }) => name);
    this.cores = this.#nodes.reduce((sum, { cores }) => sum + cores, 0);
    this.memoryMiB = this.#nodes.reduce((sum, { memoryMiB }) => sum + memoryMiB, 0);
    if (parts.renew) {
      this.#renewal = new LeaseRenewal(this.#end, {
        isInUse: () => this.#nodes.some(({ isInUse }) => isInUse),
        renew: async () => {
          await this.renew();
          return this.#end;
        },
      });
    }
  }

  /** The name of its node, of the first one where there are several. */
  get node(): string {
    return this.nodes[0]!;
  }

  /** When it ends unless it is renewed. */
  get expiry(): Date {
    return new Date(this.#granted.expiry);
  }

  /** Counts up with each renewal. */
  get generation(): number {
    return this.#granted.generation;
  }

  /** The executors that run under this lease. */
  get executors(): readonly Executor[] {
    return this.#nodes.flatMap(({ executors }) => executors);
  }

  /**
   * Starts an executor with the functions of a library (`{ library }`) or a JavaScript module (`{ module }`) and waits
   * until it is ready. It runs on one node: `cores` is at most what the lease has there, and that by default.
   *
   * Throws RfaasError: RFAAS_ERR_PACKAGE for a package that does not load, RFAAS_ERR_NO_CAPACITY for more cores than the
   * lease has left, RFAAS_ERR_LEASE_EXPIRED, RFAAS_ERR_ALLOCATION_FAILED, RFAAS_ERR_MANAGER_LOST, RFAAS_ERR_DEADLINE,
   * RFAAS_ERR_ABORTED.
   */
  async allocate(source: FunctionSource, options: LeaseAllocateOptions = {}): Promise<Executor> {
    this.#requireOpen();
    const node = this.#nodeFor(options);
    return node.allocate(this.#read(source), options, this.#parts.loadLoops());
  }

  /** As {@link allocate}, on every node of the lease: all of it or nothing. `cores` is for each node. */
  async allocateAll(source: FunctionSource, options: AllocateOptions = {}): Promise<ExecutorGroup> {
    this.#requireOpen();
    const loops = this.#parts.loadLoops();
    const functionPackage = this.#read(source);
    const results = await Promise.allSettled(
      this.#nodes.map((node) => node.allocate(functionPackage, options, loops)),
    );
    const executors = results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
    const failure = results.find((result) => result.status === 'rejected');
    if (failure !== undefined) {
      await Promise.allSettled(executors.map((executor) => executor.deallocate()));
      throw failure.reason;
    }
    return new ExecutorGroup(executors);
  }

  /**
   * Has the lease end later: so many milliseconds from now, by default as many as it was asked for. While it has executors
   * and `renew` was not false, this happens by itself. Returns the new expiry.
   *
   * Throws RfaasError: RFAAS_ERR_LEASE_TERMINATED, RFAAS_ERR_QUOTA, RFAAS_ERR_USAGE, RFAAS_ERR_MANAGER_LOST.
   */
  async renew(durationMs = this.#parts.durationMs): Promise<Date> {
    this.#requireOpen();
    this.#longestMs = Math.max(this.#longestMs, durationMs);
    const renewed = await this.#parts.provider.renew(this.#granted, durationMs);
    await this.#adopt(renewed);
    return this.expiry;
  }

  /** What the lease has used so far, as far as its nodes have reported. Undefined where no resource manager keeps the bill. */
  async usage(): Promise<Usage | undefined> {
    this.#requireOpen();
    return this.#parts.provider.usage(this.id);
  }

  /**
   * Deallocates its executors and gives the lease back; resolves to what it used. Idempotent. `patienceMs`: how long to wait
   * for a resource manager that is away.
   */
  release(patienceMs = RELEASE_PATIENCE_MS): Promise<Usage | undefined> {
    this.#release ??= this.#doRelease(patienceMs);
    return this.#release;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  /** For `client.lease`: the provider tells that it was renewed. */
  changed(granted: GrantedLease): void {
    // A node that is not reached hears of it with the next allocation or renewal.
    void this.#adopt(granted).catch(() => undefined);
  }

  /** For `client.lease`: the provider tells that it is over. */
  lost(error: RfaasError): void {
    this.#lost = error;
    this.#renewal?.stop();
  }

  async #adopt(granted: GrantedLease): Promise<void> {
    if (granted.generation <= this.#granted.generation) return;
    this.#granted = granted;
    this.#end = grantedEnd(granted.expiry, this.#longestMs, this.#end);
    await Promise.all(
      granted.shares.flatMap(
        (share) => this.#nodes.find(({ name }) => name === share.node)?.renew(share) ?? [],
      ),
    );
  }

  async #read(source: FunctionSource): Promise<FunctionPackage> {
    const functionPackage = await readFunctionPackage(source);
    this.#requireOpen();
    return functionPackage;
  }

  #nodeFor({ node: name, cores }: LeaseAllocateOptions): LeaseNode {
    if (name !== undefined) {
      const named = this.#nodes.find((node) => node.name === name);
      if (named !== undefined) return named;
      throw new RfaasError(
        'RFAAS_ERR_NODE_UNKNOWN',
        `lease ${this.id} has no node "${name}", only ${this.nodes.join(', ')}`,
      );
    }
    return this.#nodes.find((node) => node.freeCores >= (cores ?? node.cores)) ?? this.#nodes[0]!;
  }

  async #doRelease(patienceMs: number): Promise<Usage | undefined> {
    this.#renewal?.stop();
    const results = await Promise.allSettled(this.#nodes.map((node) => node.close()));
    try {
      const usage = await this.#parts.provider.release(this.id, patienceMs);
      for (const result of results) if (result.status === 'rejected') throw result.reason;
      return usage;
    } finally {
      this.#parts.onReleased(this);
    }
  }

  #requireOpen(): void {
    if (this.#lost !== undefined) throw this.#lost;
    if (this.#release !== undefined) {
      throw new RfaasError('RFAAS_ERR_LEASE_TERMINATED', `lease ${this.id} was released; take a new one`);
    }
    if (performance.now() >= this.#end) {
      const failure = this.#renewal?.failure;
      throw new RfaasError(
        'RFAAS_ERR_LEASE_EXPIRED',
        `lease ${this.id} expired at ${this.expiry.toISOString()}` +
          `${failure === undefined ? '' : ` (it was not renewed: ${failure})`}; take a new one`,
      );
    }
  }
}
