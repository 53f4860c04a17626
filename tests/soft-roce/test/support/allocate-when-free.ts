import { setTimeout as delay } from 'node:timers/promises';
import {
  RfaasError,
  type AllocateOptions,
  type Executor,
  type FunctionSource,
  type Lease,
} from '@rfaas/client';

const LONGEST_MS = 150_000;
const PAUSE_MS = 200;

/** Allocates as soon as the node has its cores back from whoever was lost. */
export async function allocateWhenFree(
  lease: Lease,
  source: FunctionSource,
  options: AllocateOptions,
): Promise<Executor> {
  const end = performance.now() + LONGEST_MS;
  for (;;) {
    try {
      return await lease.allocate(source, options);
    } catch (error) {
      const isOccupied = error instanceof RfaasError && error.code === 'RFAAS_ERR_NO_CAPACITY';
      if (!isOccupied || performance.now() > end) throw error;
      await delay(PAUSE_MS);
    }
  }
}
