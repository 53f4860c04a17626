/** Longest native spin in one go, so that deadlines, the connection's state and other connections are looked at. */
export const SPIN_CHUNK_MICROSECONDS = 10_000;

/** How long the native call that sends an invocation may spin: what is left to wait is waited for after it. */
export function firstSpinMicroseconds(deadlineMs: number | undefined): number {
  if (deadlineMs === undefined) return SPIN_CHUNK_MICROSECONDS;
  return Math.max(0, Math.min(Math.ceil(deadlineMs * 1000), SPIN_CHUNK_MICROSECONDS));
}
