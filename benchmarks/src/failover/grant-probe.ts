import type { Client } from '@rfaas/client';
import { errorMessage } from '@rfaas/core';

/**
 * Asks for a core on the pool `probe`, where it is alone, whenever it has given back the one before; tells how long it took
 * from a moment until a lease was granted that was asked for after it.
 */
export class GrantProbe {
  readonly #client: Client;
  readonly #stop = new AbortController();
  readonly #waiting = new Set<{ readonly since: number; readonly resolve: (milliseconds: number) => void }>();
  readonly #running: Promise<void>;
  #lastError: unknown;

  constructor(client: Client) {
    this.#client = client;
    this.#running = this.#run();
  }

  /** Milliseconds from now until a new lease is granted. Rejects after `patienceMs`. */
  async nextGrant(patienceMs: number): Promise<number> {
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        reject(new Error(`no lease in ${patienceMs} ms: ${errorMessage(this.#lastError)}`));
      }, patienceMs);
    });
    const granted = new Promise<number>((resolve) =>
      this.#waiting.add({ since: performance.now(), resolve }),
    );
    try {
      return await Promise.race([granted, tooLong]);
    } finally {
      clearTimeout(timer);
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const asked = performance.now();
      try {
        const lease = await this.#client.lease({
          cores: 1,
          memoryMiB: 64,
          durationMs: 5000,
          renew: false,
          labels: { pool: 'probe' },
          queue: { timeoutMs: 20_000 },
          timeoutMs: 20_000,
          signal,
        });
        const now = performance.now();
        for (const waiting of this.#waiting) {
          if (asked < waiting.since) continue;
          this.#waiting.delete(waiting);
          waiting.resolve(now - waiting.since);
        }
        await lease.release();
      } catch (error) {
        // The next one is asked for; whoever waits for too long is told.
        this.#lastError = error;
      }
    }
  }
}
