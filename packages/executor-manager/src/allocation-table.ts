import { generateId, RfaasError } from '@rfaas/core';
import type {
  Allocate,
  ExecutorManagerConfig,
  ExecutorAssignment,
  Lease,
  LeaseHeld,
  LeaseWarningReason,
  Logger,
  LogLevel,
} from '@rfaas/core';
import type { ProtectionDomain } from '@rfaas/rdmalib';
import { checkAllocationLimits } from './allocation-limits.ts';
import type { EndCause } from './allocation-outcome.ts';
import { noObserver } from './allocation-observer.ts';
import type { AllocationObserver, NodeOccupancy } from './allocation-observer.ts';
import { Allocation } from './allocation.ts';
import type { BillCollector } from './bill-collector.ts';
import { Claims } from './claims.ts';
import type { NodeCapacity } from './claims.ts';
import type { ExecutorLauncher } from './launchers/executor-launcher.ts';
import { LeaseBook } from './lease-book.ts';
import { LeaseTimers } from './lease-timers.ts';

/** How executors are run. */
export type ExecutorSettings = ExecutorManagerConfig['executor'];

/** What a table of allocations works with. */
export interface AllocationTableOptions {
  readonly capacity: NodeCapacity;
  readonly executor: ExecutorSettings;
  readonly managerUrl: string;
  /** After so long a silence of a client on another host its executor ends. */
  readonly peerTimeoutMs: number;
  readonly domain: ProtectionDomain;
  readonly launcher: ExecutorLauncher;
  readonly bills: BillCollector;
  /** Default: nobody. */
  readonly observer?: AllocationObserver;
  readonly logger: Logger;
  readonly logLevel: LogLevel;
  /** Milliseconds since 1970. */
  now(): number;
  /** Nanoseconds of a monotonic clock. */
  readonly monotonicNow: () => number;
  /** A lease with allocations is about to end here. */
  onWarning(leaseId: string, expiry: number, reason: LeaseWarningReason): void;
}

/** All allocations of a node: what they hold, what they cost, and when their leases end. */
export class AllocationTable {
  readonly #options: AllocationTableOptions;
  readonly #observer: AllocationObserver;
  readonly #claims: Claims;
  readonly #leases = new LeaseBook();
  readonly #timers: LeaseTimers;
  readonly #allocations = new Map<string, Allocation>();
  readonly #endingLeases = new Set<string>();
  /** The newest token of each lease that has allocations. */
  readonly #running = new Map<string, Lease>();
  #stopping = false;
  #drainTimer: NodeJS.Timeout | undefined;

  constructor(options: AllocationTableOptions) {
    this.#options = options;
    this.#observer = options.observer ?? noObserver;
    this.#claims = new Claims(options.capacity);
    this.#timers = new LeaseTimers(
      {
        warn: (leaseId, expiry) => options.onWarning(leaseId, expiry, 'expiring'),
        expire: (leaseId) => this.endLease(leaseId, 'expired'),
      },
      () => options.now(),
    );
  }

  /** Starts an executor under a verified lease. Throws RfaasError that says why not; then nothing has changed. */
  start(lease: Lease, request: Allocate): Allocation {
    const { executor, domain, launcher, logger, monotonicNow } = this.#options;
    const asked = monotonicNow();
    if (this.#stopping || this.isDraining) {
      const what = this.#stopping ? 'the executor manager is stopping' : 'the node is taken out of service';
      throw new RfaasError('RFAAS_ERR_NO_CAPACITY', `cannot allocate: ${what}; ask for another lease`);
    }
    this.#leases.admit(lease, this.#options.now());
    const allocationId = generateId();
    const { cores, memoryMiB } = request;
    const decision = this.#claims.claim({ allocationId, cores, memoryMiB, lease });
    if (!decision.ok) {
      throw decision.error;
    }
    try {
      checkAllocationLimits(request);
      const allocation = new Allocation({
        allocationId,
        lease,
        memoryMiB,
        assignment: this.#assignment(allocationId, request, decision.cpus),
        domain,
        launcher,
        startTimeoutMs: executor.startTimeoutMs,
        stopTimeoutMs: executor.stopTimeoutMs,
        logger: logger.child({ allocationId }),
        observer: this.#observer,
        asked,
        now: monotonicNow,
      });
      this.#allocations.set(allocationId, allocation);
      this.#running.set(lease.leaseId, lease);
      this.#timers.watch(lease.leaseId, lease.expiry);
      logger.info('executor started', {
        allocationId,
        leaseId: lease.leaseId,
        cpus: decision.cpus,
        executorPid: allocation.pid,
      });
      void this.#close(allocation);
      return allocation;
    } catch (error) {
      this.#claims.release(allocationId);
      throw error;
    }
  }

  /** What allocations hold. */
  occupancy(): NodeOccupancy {
    const { cpus, memoryMiB } = this.#options.capacity;
    return {
      executors: this.#allocations.size,
      cores: { all: cpus.length, held: cpus.length - this.#claims.freeCores },
      memoryMiB: { all: memoryMiB, held: memoryMiB - this.#claims.freeMemoryMiB },
    };
  }

  /** The allocation whose executor shows its id and secret. */
  find(allocationId: string, secret: string): Allocation | undefined {
    const allocation = this.#allocations.get(allocationId);
    return allocation?.accepts(secret) === true ? allocation : undefined;
  }

  /** A lease goes on, as a verified token says; throws RfaasError if it has ended or was renewed beyond that. */
  renew(lease: Lease): void {
    this.#leases.admit(lease, this.#options.now());
    if (this.#running.has(lease.leaseId)) {
      this.#running.set(lease.leaseId, lease);
      this.#timers.watch(lease.leaseId, lease.expiry);
    }
  }

  /** The leases that have allocations, with what these hold. */
  held(): readonly LeaseHeld[] {
    return [...this.#running.values()].map(({ leaseId, tenant, generation, expiry }) => {
      const mine = this.#ofLease(leaseId);
      const cores = mine.reduce((sum, allocation) => sum + allocation.cores, 0);
      const memoryMiB = mine.reduce((sum, allocation) => sum + allocation.memoryMiB, 0);
      return { leaseId, tenant, generation, expiry, cores, memoryMiB, gpus: 0 };
    });
  }

  /** Whether nothing new is allocated here. */
  get isDraining(): boolean {
    return this.#drainTimer !== undefined;
  }

  /** Allocates nothing new, warns whoever has something, and ends that after `graceMs`. */
  drain(graceMs: number): void {
    clearTimeout(this.#drainTimer);
    const end = this.#options.now() + graceMs;
    for (const leaseId of this.#running.keys()) {
      this.#options.onWarning(leaseId, end, 'draining');
    }
    this.#drainTimer = setTimeout(() => this.#endAll('node-drained'), graceMs);
  }

  /** Allocates again. */
  resume(): void {
    clearTimeout(this.#drainTimer);
    this.#drainTimer = undefined;
  }

  /** Resolves when nothing is allocated. */
  async idle(): Promise<void> {
    while (this.#allocations.size > 0) {
      await Promise.all([...this.#allocations.values()].map(({ ended }) => ended));
    }
  }

  /** Ends whatever runs under a lease, and the lease. The collector hears of it once nothing is left. */
  endLease(leaseId: string, reason: string): void {
    this.#leases.end(leaseId, reason, this.#options.now());
    this.#timers.forget(leaseId);
    this.#endingLeases.add(leaseId);
    const cause: EndCause = reason === 'expired' ? 'lease-expired' : 'lease-ended';
    for (const allocation of this.#ofLease(leaseId)) {
      allocation.end(cause);
    }
    this.#confirmEnd(leaseId);
  }

  /** Tells the collector what the running allocations have used up to now. */
  reportUsage(): void {
    for (const allocation of this.#allocations.values()) {
      this.#report(allocation, false);
    }
  }

  /** Ends everything; resolves when nothing is left. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#timers.close();
    clearTimeout(this.#drainTimer);
    this.#endAll('manager-stopping');
    await this.idle();
  }

  #endAll(cause: EndCause): void {
    for (const allocation of this.#allocations.values()) {
      allocation.end(cause);
    }
  }

  #assignment(allocationId: string, request: Allocate, cpus: readonly number[]): ExecutorAssignment {
    const { executor, managerUrl, peerTimeoutMs, logLevel } = this.#options;
    return {
      allocationId,
      secret: request.secret,
      managerUrl,
      managerSecret: generateId(),
      clientUrl: request.clientUrl,
      cpus: [...cpus],
      threads: cpus.length,
      hotTimeoutMs: request.hotTimeoutMs,
      slots: request.slots,
      inputBytes: request.inputBytes,
      outputBytes: request.outputBytes,
      packageKind: request.packageKind,
      packageName: request.packageName,
      sha256: request.sha256,
      packageBytes: request.packageBytes,
      ...(executor.modules === undefined ? {} : { modulesDirectory: executor.modules }),
      flushMs: executor.flushMs,
      pinThreads: executor.pinThreads,
      peerTimeoutMs,
      logLevel,
    };
  }

  async #close(allocation: Allocation): Promise<void> {
    const end = await allocation.ended;
    const { allocationId, leaseId } = allocation;
    this.#allocations.delete(allocationId);
    this.#claims.release(allocationId);
    this.#report(allocation, true);
    if (this.#ofLease(leaseId).length === 0) {
      this.#timers.forget(leaseId);
      this.#running.delete(leaseId);
    }
    this.#confirmEnd(leaseId);
    this.#observer.ended(end.reason);
    this.#options.logger.info('executor ended', { ...end, leaseId });
  }

  #report(allocation: Allocation, final: boolean): void {
    const { allocationId, leaseId } = allocation;
    const report = { leaseId, allocationId, ...allocation.usage(), final };
    this.#observer.used(report);
    this.#options.bills.usageReported(report);
  }

  #confirmEnd(leaseId: string): void {
    if (this.#endingLeases.has(leaseId) && this.#ofLease(leaseId).length === 0) {
      this.#endingLeases.delete(leaseId);
      this.#options.bills.leaseEnded(leaseId);
    }
  }

  #ofLease(leaseId: string): Allocation[] {
    return [...this.#allocations.values()].filter((allocation) => allocation.leaseId === leaseId);
  }
}
