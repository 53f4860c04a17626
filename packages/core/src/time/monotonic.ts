/** Nanoseconds of a clock that never goes back, as a number (exact for 104 days of uptime). */
export function monotonicNanoseconds(): number {
  return Number(process.hrtime.bigint());
}

/** Milliseconds since 1970: what leases expire by. A parameter wherever time decides something. */
export type Clock = () => number;

/** The host's clock. */
export const systemClock: Clock = () => Date.now();

/** Measures from its making. */
export interface Stopwatch {
  /** Nanoseconds since the stopwatch was made. */
  elapsedNanoseconds(): number;
}

/** Starts a stopwatch. */
export function startStopwatch(now: () => number = monotonicNanoseconds): Stopwatch {
  const start = now();
  return { elapsedNanoseconds: () => now() - start };
}
