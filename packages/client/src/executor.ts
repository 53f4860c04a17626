import { RfaasError } from '@rfaas/core';
import type { CompleteAllocateOptions } from './allocate-options.ts';
import { executorEndError } from './allocation-end-error.ts';
import type { Allocation } from './allocation.ts';
import {
  ExecutorFunction,
  type InvokeAsyncOptions,
  type InvokeSyncOptions,
  type MapOptions,
} from './executor-function.ts';
import type { MapInputs } from './bounded-map.ts';
import type { AllocationEnd, ExecutorManagerSession } from './executor-manager-session.ts';
import { ExecutorThread } from './executor-thread.ts';
import { ExecutorMemory } from './executor-memory.ts';
import type { InvocationInput, InvocationOutput } from './invocation-buffers.ts';
import { Invoker } from './invoker.ts';
import type { NativeLoops } from './native-loops.ts';
import { functionNotFound } from './invocation-errors.ts';
import { describeError, settledWithin } from './time-limit.ts';

/** How long to wait for the manager to say how a lost executor ended. */
const EXPLANATION_MS = 1_000;

/** How long the manager may take to end an executor: it gives the process a while before it kills it. */
const DEALLOCATION_MS = 15_000;

/** What an executor is made of. */
export interface ExecutorParts {
  readonly node: string;
  readonly session: ExecutorManagerSession;
  readonly allocation: Allocation;
  readonly loops: NativeLoops;
  readonly options: Pick<CompleteAllocateOptions, 'slots' | 'spinMicroseconds'>;
  /** Called once, when it is over and cleaned up. */
  readonly onEnd: (executor: Executor) => void;
}

/**
 * Worker threads on a leased node with the functions of one package loaded, connected to this client's memory.
 *
 * Made by `lease.allocate`. Give it back with {@link deallocate} or `await using`.
 */
export class Executor implements AsyncDisposable {
  readonly id: string;
  /** The node it runs on. */
  readonly node: string;
  /** The names of the package's functions. */
  readonly functions: readonly string[];
  /** How many worker threads it has. */
  readonly threads: number;
  /** Settles when it is over: undefined after `deallocate`, else the error that says how it ended. Never rejects. */
  readonly ended: Promise<RfaasError | undefined>;
  readonly #parts: ExecutorParts;
  readonly #invoker: Invoker;
  readonly #memory: ExecutorMemory;
  readonly #threads: readonly ExecutorThread[];
  readonly #handles = new Map<string, ExecutorFunction>();
  #resolveEnded!: (error: RfaasError | undefined) => void;
  #deallocation: Promise<void> | undefined;
  #losing: Promise<RfaasError> | undefined;
  #isOver = false;

  /** For `lease.allocate`. */
  constructor(parts: ExecutorParts) {
    const { allocation, session, loops, options } = parts;
    this.#parts = parts;
    this.id = allocation.allocationId;
    this.node = parts.node;
    this.functions = allocation.functions;
    this.threads = allocation.threads.length;
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    const { domain } = allocation;
    const isControlled = (): boolean => allocation.control.isOpen;
    const onLost = (reason: string): void => void this.#lose(reason);
    this.#threads = allocation.threads.map(
      (thread) => new ExecutorThread({ ...thread, domain, loops, owner: this, isControlled, onLost }),
    );
    this.#memory = new ExecutorMemory(this, domain, this.#threads);
    this.#invoker = new Invoker(this.#threads, this, options.spinMicroseconds, (error) => {
      void this.#lose(describeError(error));
    });
    const concurrency = this.threads * options.slots;
    for (const [index, name] of this.functions.entries()) {
      this.#handles.set(name, new ExecutorFunction({ name, index }, this.#invoker, concurrency));
    }
    void allocation.control.disconnected.then((end) =>
      // Of a host that is gone nobody hears why: its manager is silent, too.
      end.kind === 'failed'
        ? this.#lose(end.error.message, 0)
        : this.#lose('it closed its control connection'),
    );
    void session.allocationEnd(this.id).then(() => this.#lose('its manager says that it ended'));
  }

  /** Looks a function up once, for many invocations. Throws RFAAS_ERR_FUNCTION_NOT_FOUND with names that look alike. */
  function(name: string): ExecutorFunction {
    const handle = this.#handles.get(name);
    if (handle === undefined) throw functionNotFound(name, this.functions);
    return handle;
  }

  /** See {@link ExecutorFunction.invokeSync}. */
  invokeSync(name: string, input: Uint8Array | InvocationInput, options?: InvokeSyncOptions): Uint8Array;
  invokeSync(
    name: string,
    input: Uint8Array | InvocationInput,
    output: InvocationOutput,
    options?: InvokeSyncOptions,
  ): number;
  invokeSync(
    name: string,
    input: Uint8Array | InvocationInput,
    outputOrOptions?: InvocationOutput | InvokeSyncOptions,
    options?: InvokeSyncOptions,
  ): Uint8Array | number {
    // One of the two overloads, which the types of both signatures already tell apart.
    return this.function(name).invokeSync(input, outputOrOptions as InvocationOutput, options);
  }

  /** See {@link ExecutorFunction.invoke}. */
  async invoke(
    name: string,
    input: Uint8Array | InvocationInput,
    options: InvokeAsyncOptions = {},
  ): Promise<Uint8Array> {
    return this.function(name).invoke(input, options);
  }

  /** See {@link ExecutorFunction.map}. */
  async map(name: string, inputs: MapInputs, options: MapOptions = {}): Promise<Uint8Array[]> {
    return this.function(name).map(inputs, options);
  }

  /**
   * Memory for an input that is not copied: inside a slot of the executor where the transport maps it (the slot then
   * serves no other invocation until the buffer is freed), else registered memory of this process. A thread keeps one
   * slot free for other invocations; when the others are taken, the memory is local.
   */
  allocateInput(byteLength: number): InvocationInput {
    this.#requireOpen();
    return this.#memory.allocateInput(byteLength);
  }

  /** Memory that the executor writes an output to; it ends at a guard page. */
  allocateOutput(byteLength: number): InvocationOutput {
    this.#requireOpen();
    return this.#memory.allocateOutput(byteLength);
  }

  /**
   * Ends the executor and gives its cores back to the lease. Invocations in flight reject with RFAAS_ERR_CLOSED.
   * Idempotent: a second call waits for the first, and after a loss there is nothing left to do.
   */
  deallocate(): Promise<void> {
    this.#deallocation ??= this.#deallocate();
    return this.#deallocation;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.deallocate();
  }

  #requireOpen(): void {
    if (this.#isOver || this.#deallocation !== undefined) throw deallocated(this.node);
  }

  async #deallocate(): Promise<void> {
    if (this.#losing !== undefined) {
      await this.ended;
      return;
    }
    const { session } = this.#parts;
    this.#invoker.end(deallocated(this.node));
    let confirmed = false;
    const end = session.allocationEnd(this.id).then(() => {
      confirmed = true;
    });
    try {
      await session.deallocate(this.id);
      await settledWithin(end, DEALLOCATION_MS);
    } catch (error) {
      // Without its manager the executor is on its way out, too: the lease is what tells that the manager is gone.
      confirmed = error instanceof RfaasError && error.code === 'RFAAS_ERR_MANAGER_LOST';
    }
    await this.#finish(undefined);
    if (!confirmed) {
      throw new RfaasError(
        'RFAAS_ERR_DEADLINE',
        `the manager of node ${this.node} did not confirm within ${DEALLOCATION_MS} ms that executor ${this.id} ended`,
      );
    }
  }

  #lose(seen: string, patienceMs = EXPLANATION_MS): Promise<RfaasError> | undefined {
    if (this.#isOver || this.#deallocation !== undefined) return undefined;
    this.#losing ??= this.#explainLoss(seen, patienceMs);
    return this.#losing;
  }

  async #explainLoss(seen: string, patienceMs: number): Promise<RfaasError> {
    const { session } = this.#parts;
    const explanation = this.#explanation(seen, patienceMs);
    this.#invoker.suspend(explanation);
    const error = await explanation;
    this.#invoker.end(error);
    // Not every loss is a death: a manager that knows nothing of it must end the executor.
    await session.deallocate(this.id).catch(() => undefined);
    await this.#finish(error);
    return error;
  }

  async #explanation(seen: string, patienceMs: number): Promise<RfaasError> {
    let end: AllocationEnd | undefined;
    const known = this.#parts.session.allocationEnd(this.id).then((value) => {
      end = value;
    });
    await settledWithin(known, patienceMs);
    return executorEndError(end, this.node, seen);
  }

  async #finish(error: RfaasError | undefined): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    const { allocation, session, onEnd } = this.#parts;
    session.forget(this.id);
    for (const thread of this.#threads) await thread.close();
    this.#memory.close();
    await allocation.control.close();
    await allocation.transport.close();
    onEnd(this);
    this.#resolveEnded(error);
  }
}

function deallocated(node: string): RfaasError {
  return new RfaasError('RFAAS_ERR_CLOSED', `the executor on node ${node} was deallocated; allocate another`);
}
