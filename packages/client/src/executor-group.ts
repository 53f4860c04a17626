import { RfaasError } from '@rfaas/core';
import { boundedMap, type MapInputs } from './bounded-map.ts';
import type { InvokeAsyncOptions, MapOptions } from './executor-function.ts';
import type { Executor } from './executor.ts';

/** Invocations in flight on each thread that `map` aims for. */
const INVOCATIONS_PER_THREAD = 2;

/**
 * One executor on each node of a lease, used as one: invocations go to the executor with the fewest in flight for its
 * threads. One that is lost gets no more of them; what was in flight there rejects.
 */
export class ExecutorGroup implements AsyncDisposable {
  readonly executors: readonly Executor[];
  readonly #inFlight = new Map<Executor, number>();

  /** For `lease.allocateAll`. */
  constructor(executors: readonly Executor[]) {
    this.executors = executors;
    for (const executor of executors) {
      this.#inFlight.set(executor, 0);
      void executor.ended.then(() => this.#inFlight.delete(executor));
    }
  }

  /** The names of the package's functions. */
  get functions(): readonly string[] {
    return this.executors[0]?.functions ?? [];
  }

  /** Worker threads on all nodes that are there. */
  get threads(): number {
    return [...this.#inFlight.keys()].reduce((sum, { threads }) => sum + threads, 0);
  }

  /** Invokes a function on one of the nodes. Rejects as {@link Executor.invoke}. */
  async invoke(
    name: string,
    input: Uint8Array,
    options: Omit<InvokeAsyncOptions, 'output'> = {},
  ): Promise<Uint8Array> {
    const executor = this.#leastBusy();
    this.#count(executor, 1);
    try {
      return await executor.invoke(name, input, options);
    } finally {
      this.#count(executor, -1);
    }
  }

  /** Invokes for every input, spread over all nodes; the outputs come in the order of the inputs. See {@link Executor.map}. */
  async map(name: string, inputs: MapInputs, options: MapOptions = {}): Promise<Uint8Array[]> {
    const { deadlineMs, signal, concurrency = INVOCATIONS_PER_THREAD * this.threads } = options;
    return boundedMap(inputs, concurrency, (input) => this.invoke(name, input, { deadlineMs, signal }));
  }

  /** Ends all of them. Idempotent. Rejects with the first error. */
  async deallocate(): Promise<void> {
    const results = await Promise.allSettled(this.executors.map((executor) => executor.deallocate()));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.deallocate();
  }

  #leastBusy(): Executor {
    let best: Executor | undefined;
    let bestLoad = Number.POSITIVE_INFINITY;
    for (const [executor, inFlight] of this.#inFlight) {
      const load = inFlight / executor.threads;
      if (load < bestLoad) {
        best = executor;
        bestLoad = load;
      }
    }
    if (best === undefined) {
      throw new RfaasError('RFAAS_ERR_EXECUTOR_LOST', 'no executor of the group is left; allocate again');
    }
    return best;
  }

  #count(executor: Executor, change: number): void {
    const inFlight = this.#inFlight.get(executor);
    if (inFlight !== undefined) this.#inFlight.set(executor, inFlight + change);
  }
}
