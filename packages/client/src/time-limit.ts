import { RfaasError } from '@rfaas/core';

/** A stretch of work that a time limit or the caller's signal may end. */
export interface TimeLimit extends Disposable {
  /** Aborts when the time is up or the caller's signal fires; its reason is an RfaasError. */
  readonly signal: AbortSignal;
  /** Rejects with that error; never resolves. */
  readonly passed: Promise<never>;
}

/** Limits `what` (for the error message) to a number of milliseconds; dispose of it when the work is done. */
export function timeLimit(what: string, milliseconds: number, signal?: AbortSignal): TimeLimit {
  const controller = new AbortController();
  const timer = setTimeout(() => {
    controller.abort(
      new RfaasError('RFAAS_ERR_DEADLINE', `${what} took longer than ${milliseconds} ms`, {
        details: { milliseconds },
      }),
    );
  }, milliseconds);
  const onAbort = (): void => {
    controller.abort(new RfaasError('RFAAS_ERR_ABORTED', `${what} was aborted`, { cause: signal?.reason }));
  };
  if (signal?.aborted === true) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  const passed = new Promise<never>((_resolve, reject) => {
    const fail = (): void => reject(abortError(controller.signal));
    if (controller.signal.aborted) fail();
    else controller.signal.addEventListener('abort', fail, { once: true });
  });
  // Whoever races against it hears of it; nobody else must.
  passed.catch(() => undefined);
  return {
    signal: controller.signal,
    passed,
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    },
  };
}

/** The error that an aborted signal of a {@link TimeLimit} carries. */
export function abortError(signal: AbortSignal): RfaasError {
  const reason: unknown = signal.reason;
  return reason instanceof RfaasError
    ? reason
    : new RfaasError('RFAAS_ERR_ABORTED', 'the operation was aborted', { cause: reason });
}

/** The message of anything that was thrown. */
export function describeError(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Resolves after so many milliseconds, or as soon as `work` settles, whichever is first; never rejects. */
export async function settledWithin(work: Promise<unknown>, milliseconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([Promise.allSettled([work]), timeout]);
  clearTimeout(timer);
}
