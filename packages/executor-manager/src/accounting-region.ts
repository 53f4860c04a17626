import { accountingBytes, accountingRecord } from '@rfaas/core';
import type { MemoryRegion, ProtectionDomain, RemoteMemory } from '@rfaas/rdmalib';
import type { ThreadCounters } from './usage-account.ts';

/** The memory that one executor's threads add their usage to. The manager only reads it. */
export class AccountingRegion implements Disposable {
  readonly #region: MemoryRegion;
  readonly #threads: number;

  constructor(domain: ProtectionDomain, threads: number) {
    this.#region = domain.allocateMemory({
      byteLength: accountingBytes(threads),
      access: ['local-write', 'remote-atomic'],
    });
    this.#threads = threads;
  }

  /** What the executor needs to reach it. */
  get remote(): RemoteMemory {
    return this.#region.remote;
  }

  /** The counters of each thread. */
  read(): ThreadCounters[] {
    const { bytes } = this.#region;
    const view = new DataView(bytes.buffer, bytes.byteOffset, accountingBytes(this.#threads));
    return Array.from({ length: this.#threads }, (_, thread) => {
      const { hotPollingNs, executionNs, invocations, hotToWarm } = accountingRecord.read(
        view,
        accountingBytes(thread),
      );
      return {
        hotPollingNs: Number(hotPollingNs),
        executionNs: Number(executionNs),
        invocations: Number(invocations),
        hotToWarm: Number(hotToWarm),
      };
    });
  }

  /** Idempotent. */
  close(): void {
    this.#region.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
