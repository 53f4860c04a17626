import { accountingBytes, accountingOffsets } from '@rfaas/core/wire';
import { createCompletionBatch } from '@rfaas/rdmalib';
import type {
  CompletionQueue,
  Endpoint,
  MemoryRegion,
  ProtectionDomain,
  RemoteMemory,
  RemoteTarget,
} from '@rfaas/rdmalib';
import { UsageMeter } from './usage-meter.ts';
import type { ThreadUsage } from './usage-meter.ts';
import type { UsageReporter } from './usage-reporter.ts';

/** Requests that may be on their way: a report is at most four of them. */
const queueDepth = 16;
const requestsPerReport = 4;
const flushTimeoutMs = 200;

/** A connection over which counters are added to the manager's memory. */
export interface AccountingConnection {
  readonly domain: ProtectionDomain;
  readonly endpoint: Endpoint;
  /** Send completions of `endpoint`, and of nothing else. */
  readonly queue: CompletionQueue;
}

/** Queue depth that an {@link AccountingConnection} needs. */
export const accountingQueueDepth = queueDepth;

/** Adds to the manager's memory with fetch-and-add. A report that finds the queue full is left to the next one. */
export class AtomicUsageReporter implements UsageReporter {
  readonly #connection: AccountingConnection;
  readonly #target: RemoteTarget;
  readonly #offset: number;
  readonly #prior: MemoryRegion;
  #meter = new UsageMeter();
  readonly #batch = createCompletionBatch(queueDepth);
  #outstanding = 0;

  private constructor(connection: AccountingConnection, target: RemoteTarget, thread: number) {
    this.#connection = connection;
    this.#target = target;
    this.#offset = accountingBytes(thread);
    this.#prior = connection.domain.allocateMemory({ byteLength: 8, access: ['local-write'] });
  }

  /** Adds to a thread's counters in `memory`, which is the manager's. Rejects like Endpoint.resolveRemote. */
  static async open(
    connection: AccountingConnection,
    memory: RemoteMemory,
    thread: number,
  ): Promise<AtomicUsageReporter> {
    return new AtomicUsageReporter(connection, await connection.endpoint.resolveRemote(memory), thread);
  }

  report(totals: ThreadUsage): void {
    this.#outstanding -= this.#connection.queue.poll(this.#batch);
    if (
      this.#connection.endpoint.state !== 'established' ||
      this.#outstanding + requestsPerReport > queueDepth
    ) {
      return;
    }
    const usage = this.#meter.take(totals);
    if (usage !== undefined) {
      this.#add(accountingOffsets.hotPollingNs, usage.hotPollingNs);
      this.#add(accountingOffsets.executionNs, usage.executionNs);
      this.#add(accountingOffsets.invocations, usage.invocations);
      this.#add(accountingOffsets.hotToWarm, usage.hotToWarm);
    }
  }

  restart(): void {
    this.#meter = new UsageMeter();
  }

  async flush(): Promise<void> {
    const deadline = performance.now() + flushTimeoutMs;
    while (
      this.#outstanding > 0 &&
      this.#connection.endpoint.state === 'established' &&
      performance.now() < deadline
    ) {
      this.#outstanding -= this.#connection.queue.block(this.#batch, 10);
    }
    return Promise.resolve();
  }

  #add(field: number, value: number): void {
    if (value > 0) {
      const result = { region: this.#prior, offset: 0, byteLength: 8 };
      this.#connection.endpoint.postFetchAdd(
        result,
        this.#target,
        this.#offset + field,
        BigInt(Math.round(value)),
      );
      this.#outstanding += 1;
    }
  }
}
