import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@rfaas/client';
import { FUNCTIONS_MODULE } from '../benchmarks/invocation.ts';

/**
 * An executor on the pool `steady` whose lease is renewed by itself, and that is invoked all the time; gives the number of
 * invocations. What fails is told, and ends it.
 */
export async function invokeAllTheTime(
  client: Client,
  onFailure: (text: string) => void,
  signal: AbortSignal,
): Promise<number> {
  let invocations = 0;
  try {
    const lease = await client.lease({
      cores: 1,
      memoryMiB: 256,
      durationMs: 60_000,
      labels: { pool: 'steady' },
      queue: { timeoutMs: 20_000 },
    });
    const executor = await lease.allocate({ module: FUNCTIONS_MODULE }, { hotTimeout: 0 });
    while (!signal.aborted) {
      await executor.invoke('echo', Uint8Array.of(1));
      invocations += 1;
      await delay(20);
    }
    await executor.deallocate();
    await lease.release();
  } catch (error) {
    onFailure(`an executor that ran all the time failed after ${invocations} invocations: ${String(error)}`);
  }
  return invocations;
}
