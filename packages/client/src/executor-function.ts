import {
  OutputBuffer,
  type InputBuffer,
  type InvocationInput,
  type InvocationOutput,
} from './invocation-buffers.ts';
import type { FunctionEntry } from './function-entry.ts';
import type { Invoker } from './invoker.ts';
import { boundedMap, type MapInputs } from './bounded-map.ts';
import type { InvokeOptions } from './pending-invocation.ts';

/** How a synchronous invocation may be limited. */
export interface InvokeSyncOptions {
  /** Throws RFAAS_ERR_DEADLINE when no reply came after so many milliseconds. Default: wait until the executor ends. */
  readonly deadlineMs?: number | undefined;
}

/** How an asynchronous invocation may be limited, and where its output goes. */
export interface InvokeAsyncOptions extends InvokeOptions {
  /** The result is a view of this buffer. Without it the result is a copy. */
  readonly output?: InvocationOutput | undefined;
}

/** How `map` spreads its inputs. */
export interface MapOptions extends InvokeOptions {
  /** Invocations in flight at once. Default: all slots of all threads. */
  readonly concurrency?: number | undefined;
}

/** One function of an executor's package: looked up once, invoked often. */
export class ExecutorFunction {
  readonly name: string;
  readonly #entry: FunctionEntry;
  readonly #invoker: Invoker;
  readonly #concurrency: number;

  constructor(entry: FunctionEntry, invoker: Invoker, concurrency: number) {
    this.name = entry.name;
    this.#entry = entry;
    this.#invoker = invoker;
    this.#concurrency = concurrency;
  }

  /**
   * Invokes and spins in native code until the reply; the event loop stands still meanwhile. Without an output buffer
   * the output is returned as a copy; with one it lies there and its length is returned, and nothing is allocated.
   *
   * Throws RfaasError: RFAAS_ERR_FUNCTION_FAILED, RFAAS_ERR_INPUT_TOO_LARGE, RFAAS_ERR_OUTPUT_TOO_LARGE,
   * RFAAS_ERR_DEADLINE, RFAAS_ERR_EXECUTOR_LOST, RFAAS_ERR_LEASE_EXPIRED, RFAAS_ERR_BUSY, RFAAS_ERR_CLOSED.
   */
  invokeSync(input: Uint8Array | InvocationInput, options?: InvokeSyncOptions): Uint8Array;
  invokeSync(
    input: Uint8Array | InvocationInput,
    output: InvocationOutput,
    options?: InvokeSyncOptions,
  ): number;
  invokeSync(
    input: Uint8Array | InvocationInput,
    outputOrOptions?: InvocationOutput | InvokeSyncOptions,
    options?: InvokeSyncOptions,
  ): Uint8Array | number {
    const bytesOrBuffer = input as Uint8Array | InputBuffer;
    // By class and not by a property: this line is on the path of the fastest invocations.
    if (outputOrOptions instanceof OutputBuffer) {
      return this.#invoker.invokeInto(this.#entry, bytesOrBuffer, outputOrOptions, options?.deadlineMs);
    }
    const { deadlineMs } = (outputOrOptions ?? {}) as InvokeSyncOptions;
    return this.#invoker.invokeCopying(this.#entry, bytesOrBuffer, deadlineMs);
  }

  /**
   * Invokes for every input at once and spins until all replies are there; `outputs[i]` holds the output of `inputs[i]`.
   * As many invocations are in flight as there are slots, so that their travelling times overlap: for throughput what
   * {@link invokeSync} with buffers is for latency. Inputs in local memory may come more than once, outputs and mapped
   * inputs may not.
   *
   * Returns the lengths of the outputs in bytes. Throws as {@link invokeSync}, once no reply is missing, the error of the
   * first input that failed; RFAAS_ERR_USAGE where there are not as many outputs as inputs.
   */
  invokeAllSync(
    inputs: readonly InvocationInput[],
    outputs: readonly InvocationOutput[],
    { deadlineMs }: InvokeSyncOptions = {},
  ): Uint32Array {
    return this.#invoker.invokeAll(
      this.#entry,
      inputs as readonly InputBuffer[],
      outputs as readonly OutputBuffer[],
      deadlineMs,
    );
  }

  /**
   * Invokes without waiting: many may be in flight, and those beyond the slots wait their turn. Rejects as
   * {@link invokeSync} throws, and with RFAAS_ERR_ABORTED.
   */
  invoke(input: Uint8Array | InvocationInput, options: InvokeAsyncOptions = {}): Promise<Uint8Array> {
    return this.#invoker.invoke(
      this.#entry,
      input as Uint8Array | InputBuffer,
      options.output as OutputBuffer | undefined,
      options,
    );
  }

  /**
   * Invokes for every input, spread over all threads with a bounded number in flight; the outputs come in the order of
   * the inputs. The first failure rejects, and no further input is taken.
   */
  map(inputs: MapInputs, options: MapOptions = {}): Promise<Uint8Array[]> {
    const { deadlineMs, signal, concurrency = this.#concurrency } = options;
    return boundedMap(inputs, concurrency, (input) => this.invoke(input, { deadlineMs, signal }));
  }
}
