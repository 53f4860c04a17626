import type { CompletionQueue, WorkCompletionBatch } from '@rfaas/rdmalib';

/** How a side waits for completions. */
export type WaitMode = 'spin' | 'block' | 'readable';

/** Waits once, for a while and at most so long; the batch then holds what came. */
export async function waitOnce(
  queue: CompletionQueue,
  batch: WorkCompletionBatch,
  mode: WaitMode,
  timeoutMs: number,
): Promise<void> {
  if (mode === 'block') {
    // Short slices: connections are made on this thread's event loop too.
    queue.block(batch, Math.min(timeoutMs, 20));
  } else if (mode === 'readable') {
    try {
      await queue.readable({ signal: AbortSignal.timeout(timeoutMs) });
    } catch (error) {
      if (!(error instanceof DOMException) && (error as Error).name !== 'TimeoutError') {
        throw error;
      }
    }
    queue.poll(batch);
    return;
  } else {
    queue.spin(batch, 500);
  }
  if (batch.length === 0) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}
