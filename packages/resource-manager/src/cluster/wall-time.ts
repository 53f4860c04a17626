import type { Clock } from '@rfaas/core';

/** Differences between two clocks that are no jump. */
const steadyWithinMs = 1000;

/** A moment of the steady clock as the host's clock, and so those of other hosts, will show it. Milliseconds since 1970. */
export function wallTime(time: number, clock: Clock, wallClock: Clock): number {
  const jump = wallClock() - clock();
  return Math.abs(jump) < steadyWithinMs ? time : time + jump;
}
