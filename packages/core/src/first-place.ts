import { setTimeout as delay } from 'node:timers/promises';

/** How several places are tried until one of them takes us. */
export interface FirstPlaceOptions<T> {
  readonly places: readonly string[];
  /** One attempt. One that comes too late is told so by its signal, and what it gives is discarded. */
  readonly attempt: (place: string, signal: AbortSignal) => Promise<T>;
  /** An attempt gave something though another one was first. */
  readonly discard: (value: T) => Promise<void>;
  /** Whether another attempt would end as this one did. */
  readonly isFinal: (error: unknown) => boolean;
  /** An attempt failed; the next one at this place is so many milliseconds away. */
  readonly onFailure?: (error: unknown, place: string, retryMs: number) => void;
  /** Milliseconds from a failure to the next attempt at the same place: doubled each time, up to the longest. */
  readonly firstBackoffMs: number;
  readonly longestBackoffMs: number;
  /** Gives up. */
  readonly signal: AbortSignal;
}

/** Between the first attempts at each place, so that the first place has the others' attempts to spare where all is well. */
const staggerMs = 100;

/**
 * Tries all places, each again and again, until one attempt succeeds: a place that does not answer keeps nobody waiting
 * for the others. Rejects with the first final error, or with the signal's reason.
 */
export async function firstPlace<T>(options: FirstPlaceOptions<T>): Promise<T> {
  const { places, signal } = options;
  signal.throwIfAborted();
  const over = new AbortController();
  return new Promise<T>((resolve, reject) => {
    const giveUp = (): void => settle(() => reject(signal.reason as Error));
    const settle = (how: () => void): void => {
      signal.removeEventListener('abort', giveUp);
      over.abort();
      how();
    };
    signal.addEventListener('abort', giveUp, { once: true });
    for (const [index, place] of places.entries()) {
      keepTrying(options, place, index * staggerMs, over.signal, (value) =>
        settle(() => resolve(value)),
      ).catch((error: Error) => settle(() => reject(error)));
    }
  });
}

async function keepTrying<T>(
  { attempt, discard, isFinal, onFailure, firstBackoffMs, longestBackoffMs }: FirstPlaceOptions<T>,
  place: string,
  waitMs: number,
  over: AbortSignal,
  onSuccess: (value: T) => void,
): Promise<void> {
  let backoffMs = firstBackoffMs;
  let pauseMs = waitMs;
  for (;;) {
    await delay(pauseMs, undefined, { signal: over }).catch(() => undefined);
    if (over.aborted) return;
    try {
      const value = await attempt(place, over);
      if (over.aborted) await discard(value);
      else onSuccess(value);
      return;
    } catch (error) {
      if (over.aborted) return;
      if (isFinal(error)) throw error;
      // Not all at once, after all have lost the same peer.
      pauseMs = backoffMs * (0.5 + Math.random() / 2);
      onFailure?.(error, place, Math.round(pauseMs));
      backoffMs = Math.min(2 * backoffMs, longestBackoffMs);
    }
  }
}
