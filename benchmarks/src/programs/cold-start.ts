import type { Client, FunctionSource, Lease } from '@rfaas/client';
import { monotonicNanoseconds } from '@rfaas/core';
import { nativeFile } from './native-program.ts';

/** The steps of the reference's cold benchmark. */
export const COLD_STEPS = ['connect', 'submit', 'spawn', 'initialise', 'first invocation'] as const;

/** A way from nothing to the first result, in nanoseconds. */
export interface ColdStart {
  /** Of each of {@link COLD_STEPS}. */
  readonly steps: readonly number[];
  /** Giving the executor back. */
  readonly deallocate: number;
}

const NATIVE: FunctionSource = { library: nativeFile('libbench_functions.so') };

/** Takes a lease and invokes a function once. */
export async function coldStart(client: Client, threads: number, source = NATIVE): Promise<ColdStart> {
  const begin = monotonicNanoseconds();
  await using lease = await client.lease({ cores: threads, memoryMiB: COLD_MEMORY_MIB * threads });
  return await firstInvocation(lease, [begin, monotonicNanoseconds()], source);
}

/** Memory for each thread. */
export const COLD_MEMORY_MIB = 128;

/** The same under a lease that is there: `times` are those of its begin and of the end of connecting. */
export async function firstInvocation(lease: Lease, times: number[], source = NATIVE): Promise<ColdStart> {
  const take = (): void => void times.push(monotonicNanoseconds());
  const executor = await lease.allocate(source, { hotTimeout: 0, onStep: take });
  take();
  executor.invokeSync('echo', new Uint8Array(64));
  take();
  const end = times.at(-1) as number;
  await executor.deallocate();
  return {
    steps: times.slice(1).map((time, step) => time - (times[step] as number)),
    deallocate: monotonicNanoseconds() - end,
  };
}
