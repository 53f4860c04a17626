import { defaultInvocationMemory, generateId } from '@rfaas/core';
import type { Logger, LogLevel } from '@rfaas/core';
import type { ProtectionDomain } from '@rfaas/rdmalib';
import type { ExecutorSettings } from './allocation-table.ts';
import { ExecutorPool } from './executor-pool.ts';
import { ExecutorProcess } from './executor-process.ts';
import type { ExecutorLauncher } from './launchers/executor-launcher.ts';
import { PackageCacheFolder } from './package-cache-folder.ts';

/** What a supply works with. */
export interface ExecutorSupplyOptions {
  /** The processors that are leased out. */
  readonly cpus: readonly number[];
  /** Where executors start ahead of their clients. */
  readonly backgroundCpus: readonly number[];
  readonly settings: ExecutorSettings;
  readonly managerUrl: string;
  readonly domain: ProtectionDomain;
  readonly launcher: ExecutorLauncher;
  readonly logger: Logger;
  readonly logLevel: LogLevel;
}

/** What an executor is to be prepared for. */
export interface ExecutorNeeds {
  readonly cpus: readonly number[];
  readonly slots: number;
  readonly inputBytes: number;
  readonly outputBytes: number;
}

/** The executor processes of a node: those that serve, and those that were started ahead. */
export class ExecutorSupply {
  readonly #options: ExecutorSupplyOptions;
  readonly #processes = new Map<string, ExecutorProcess>();
  readonly #pool: ExecutorPool;
  readonly #packages: PackageCacheFolder | undefined;

  /** Throws RfaasError `RFAAS_ERR_CONFIGURATION` for a package cache that cannot be. */
  constructor(options: ExecutorSupplyOptions) {
    this.#options = options;
    const { packageCache, packageCacheMiB } = options.settings;
    this.#packages =
      packageCache === undefined ? undefined : new PackageCacheFolder(packageCache, packageCacheMiB);
    const { settings, backgroundCpus, logger } = options;
    this.#pool = new ExecutorPool({
      size: settings.prewarmed,
      start: () => this.#start(settings.prewarmedThreads, backgroundCpus, defaultInvocationMemory, true),
      logger,
    });
  }

  /** Prewarmed executors that wait. */
  get ready(): number {
    return this.#pool.ready;
  }

  /** For when nobody is waiting: starts prewarmed executors where they are missing, and tidies the package cache. */
  fill(): void {
    this.#packages?.trim();
    this.#pool.fill();
  }

  /** The same in a moment, after a client was given one. */
  fillSoon(): void {
    this.#packages?.trim();
    this.#pool.fillSoon();
  }

  /** An executor for one allocation: a prewarmed one, or one that is started now. Throws RdmaError. */
  obtain({ cpus, ...memory }: ExecutorNeeds): ExecutorProcess {
    return this.#pool.claim() ?? this.#start(cpus.length, cpus, memory, false);
  }

  /** The executor that shows its id and secret. */
  find(executorId: string, secret: string): ExecutorProcess | undefined {
    const found = this.#processes.get(executorId);
    return found?.accepts(secret) === true ? found : undefined;
  }

  /** Ends the prewarmed ones; resolves once no executor of any kind is left. */
  async stop(): Promise<void> {
    await this.#pool.stop();
    await Promise.all([...this.#processes.values()].map(({ exited }) => exited));
  }

  #start(
    threads: number,
    cpus: readonly number[],
    memory: { readonly slots: number; readonly inputBytes: number; readonly outputBytes: number },
    rehearses: boolean,
  ): ExecutorProcess {
    const { settings, managerUrl, domain, launcher, logger, logLevel } = this.#options;
    const executorId = generateId();
    const executor = new ExecutorProcess({
      preparation: {
        executorId,
        managerUrl,
        managerSecret: generateId(),
        threads,
        ...memory,
        rehearses,
        ...(settings.modules === undefined ? {} : { modulesDirectory: settings.modules }),
        ...(settings.packageCache === undefined ? {} : { packageCache: settings.packageCache }),
        logLevel,
      },
      cpus,
      mostThreads: Math.max(threads, this.#options.cpus.length),
      flushMs: settings.flushMs,
      domain,
      launcher,
      logger: logger.child({ executorId }),
    });
    this.#processes.set(executorId, executor);
    void executor.exited.then(() => this.#processes.delete(executorId));
    return executor;
  }
}
