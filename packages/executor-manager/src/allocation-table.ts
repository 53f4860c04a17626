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
import { endCauses, type EndCause } from './allocation-outcome.ts';
import { noObserver } from './allocation-observer.ts';
import type { AllocationObserver, NodeOccupancy } from './allocation-observer.ts';
import { Allocation } from './allocation.ts';
import type { BillCollector } from './bill-collector.ts';
import type { NodeCapacity } from './claims.ts';
import { ExecutorClaims } from './executor-claims.ts';
import type { ExecutorProcess } from './executor-process.ts';
import { ExecutorSupply } from './executor-supply.ts';
import type { ExecutorLauncher } from './launchers/executor-launcher.ts';
import { LeaseBook } from './lease-book.ts';
import { LeaseTimers } from './lease-timers.ts';

/** How executors are run. */
export type ExecutorSettings = ExecutorManagerConfig['executor'];

/** What a table of allocations works with. */
export interface AllocationTableOptions {
  readonly capacity: NodeCapacity;
  /** Where executors start ahead of their clients: the cores of a claimed one belong to its client alone. */
  readonly backgroundCpus: readonly number[];
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
  readonly #claims: ExecutorClaims;
  readonly #supply: ExecutorSupply;
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
    const { capacity, executor, backgroundCpus, managerUrl, domain, launcher, logger, logLevel } = options;
    this.#claims = new ExecutorClaims(capacity, executor.keepWarmMs, (leaseId) => this.#settle(leaseId));
    this.#supply = new ExecutorSupply({
      cpus: capacity.cpus,
      settings: executor,
      ...{ backgroundCpus, managerUrl, domain, launcher, logger, logLevel },
    });
    this.#timers = new LeaseTimers(
      {
        warn: (leaseId, expiry) => options.onWarning(leaseId, expiry, 'expiring'),
        expire: (leaseId) => this.endLease(leaseId, 'expired'),
      },
      () => options.now(),
    );
  }

  /** Begins to start executors ahead of their clients. */
  prewarm(): void {
    this.#supply.fill();
  }

  /** Has an executor serve under a lease that was verified at `now`; throws RfaasError if not: then nothing has changed. */
  start(lease: Lease, request: Allocate, now = this.#options.now()): Allocation {
    const asked = this.#options.monotonicNow();
    if (this.#stopping || this.isDraining) {
      const what = this.#stopping ? 'the executor manager is stopping' : 'the node is taken out of service';
      throw new RfaasError('RFAAS_ERR_NO_CAPACITY', `cannot allocate: ${what}; ask for another lease`);
    }
    this.#leases.admit(lease, now);
    const allocationId = generateId();
    const { cores, memoryMiB, slots, inputBytes, outputBytes } = request;
    const kept = this.#claims.takeKept(lease.leaseId, request);
    try {
      const cpus = this.#claims.claim({ allocationId, cores, memoryMiB, lease });
      checkAllocationLimits(request);
      const assignment = this.#assignment(allocationId, request, cpus);
      const executor = kept ?? this.#supply.obtain({ cpus, slots, inputBytes, outputBytes });
      const allocation = this.#assign(lease, memoryMiB, assignment, executor, asked);
      this.#timers.watch(lease.leaseId, lease.expiry, now);
      return allocation;
    } catch (error) {
      this.#claims.release(allocationId);
      kept?.kill();
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

  /** The executor that shows its id and secret. */
  find(executorId: string, secret: string): ExecutorProcess | undefined {
    return this.#supply.find(executorId, secret);
  }

  /** A lease goes on, as a token says that was verified at `now`; throws RfaasError if it has ended or was renewed beyond that. */
  renew(lease: Lease, now = this.#options.now()): void {
    this.#leases.admit(lease, now);
    if (this.#running.has(lease.leaseId)) {
      this.#running.set(lease.leaseId, lease);
      this.#timers.watch(lease.leaseId, lease.expiry, now);
    }
  }

  /** The leases that have allocations, with what these hold. */
  held(): readonly LeaseHeld[] {
    return [...this.#running.values()].map(({ leaseId, tenant, generation, expiry, gpus }) => {
      const mine = this.#ofLease(leaseId);
      const cores = mine.reduce((sum, allocation) => sum + allocation.cores, 0);
      const memoryMiB = mine.reduce((sum, allocation) => sum + allocation.memoryMiB, 0);
      return { leaseId, tenant, generation, expiry, cores, memoryMiB, gpus };
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
    const cause = endCauses[reason] ?? 'lease-ended';
    for (const allocation of this.#ofLease(leaseId)) {
      allocation.end(cause);
    }
    void this.#claims.endKept(leaseId);
    this.#settle(leaseId);
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
    await this.#claims.endKept();
    await this.#supply.stop();
  }

  #endAll(cause: EndCause): void {
    for (const allocation of this.#allocations.values()) {
      allocation.end(cause);
    }
    void this.#claims.endKept();
  }

  #assign(
    lease: Lease,
    memoryMiB: number,
    assignment: ExecutorAssignment,
    executor: ExecutorProcess,
    asked: number,
  ): Allocation {
    const { executor: settings, logger, monotonicNow } = this.#options;
    const { allocationId, cpus } = assignment;
    const { leaseId } = lease;
    const { startTimeoutMs, stopTimeoutMs, keepWarmMs } = settings;
    const allocation = new Allocation({
      ...{ allocationId, lease, memoryMiB, assignment, executor, startTimeoutMs, stopTimeoutMs, asked },
      keepWarm: keepWarmMs > 0,
      observer: this.#observer,
      now: monotonicNow,
    });
    this.#allocations.set(allocationId, allocation);
    this.#running.set(leaseId, lease);
    logger.info('executor assigned', { allocationId, leaseId, cpus, executorPid: allocation.pid });
    void this.#close(allocation);
    // Not before the claimed one is connected: it shall not have to share its cores with its successor.
    void allocation.settled.then(() => this.#supply.fillSoon());
    return allocation;
  }

  #assignment(allocationId: string, request: Allocate, cpus: readonly number[]): ExecutorAssignment {
    const { secret, clientUrl, hotTimeoutMs, slots, inputBytes, outputBytes } = request;
    const { packageKind, packageName, sha256, packageBytes } = request;
    return {
      ...{ allocationId, secret, clientUrl, hotTimeoutMs, slots, inputBytes, outputBytes },
      ...{ packageKind, packageName, sha256, packageBytes },
      cpus: [...cpus],
      threads: cpus.length,
      pinThreads: this.#options.executor.pinThreads,
      peerTimeoutMs: this.#options.peerTimeoutMs,
    };
  }

  async #close(allocation: Allocation): Promise<void> {
    const end = await allocation.ended;
    const { allocationId, leaseId, memoryMiB, assignment, executor, isKept } = allocation;
    this.#allocations.delete(allocationId);
    this.#report(allocation, true);
    const isWanted = !this.#stopping && !this.isDraining && !this.#endingLeases.has(leaseId);
    if (isKept && isWanted) {
      this.#claims.keep({ executor, leaseId, allocationId, memoryMiB, assignment });
    } else {
      executor.kill();
      this.#claims.release(allocationId);
    }
    this.#settle(leaseId);
    this.#observer.ended(end.reason);
    this.#options.logger.info('executor ended', { ...end, leaseId, kept: isKept && isWanted });
  }

  #report(allocation: Allocation, final: boolean): void {
    const { allocationId, leaseId } = allocation;
    const { hotToWarm, ...usage } = allocation.usage();
    const report = { leaseId, allocationId, ...usage, final };
    // How often threads fell asleep is no part of a bill.
    this.#observer.used({ ...report, hotToWarm });
    this.#options.bills.usageReported(report);
  }

  /** What is to be done once nothing runs under a lease, and nothing is kept for it. */
  #settle(leaseId: string): void {
    if (this.#ofLease(leaseId).length > 0 || this.#claims.hasKept(leaseId)) {
      return;
    }
    this.#timers.forget(leaseId);
    this.#running.delete(leaseId);
    if (this.#endingLeases.has(leaseId)) {
      this.#endingLeases.delete(leaseId);
      this.#options.bills.leaseEnded(leaseId);
    }
  }

  #ofLease(leaseId: string): Allocation[] {
    return [...this.#allocations.values()].filter((allocation) => allocation.leaseId === leaseId);
  }
}
