import { readFileSync } from 'node:fs';

import { patience } from './patience.ts';

/** Whether a process runs; one that has ended and was not waited for yet does not. */
export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch (error) {
    if (
      (error as NodeJS.ErrnoException).code === 'ENOENT' ||
      (error as NodeJS.ErrnoException).code === 'ESRCH'
    )
      return false;
    throw error;
  }
}

/** Resolves once `condition` holds. Rejects after `timeoutMs` (times the patience), naming `what`. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 15_000,
): Promise<void> {
  const end = performance.now() + timeoutMs * patience;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not after ${timeoutMs * patience} ms: ${what}`);
    await new Promise<void>((resolve) => setTimeout(resolve, 5));
  }
}
