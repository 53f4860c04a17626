import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@rfaas/client';
import { FUNCTIONS_MODULE } from '../benchmarks/invocation.ts';

/** An executor on the pool `steady` whose lease is renewed by itself, and that is invoked all the time. */
export async function invokeAllTheTime(
  client: Client,
  onFailure: (text: string) => void,
  signal: AbortSignal,
): Promise<number> {
  await using lease = await client.lease({
    cores: 1,
    memoryMiB: 256,
    durationMs: 30_000,
    labels: { pool: 'steady' },
  });
  await using executor = await lease.allocate({ module: FUNCTIONS_MODULE }, { hotTimeout: 0 });
  let invocations = 0;
  try {
    while (!signal.aborted) {
      await executor.invoke('echo', Uint8Array.of(1));
      invocations += 1;
      await delay(20);
    }
  } catch (error) {
    onFailure(`an executor that ran all the time failed: ${String(error)}`);
  }
  return invocations;
}
