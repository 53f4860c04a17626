import { monotonicNanoseconds, systemClock, type Clock } from './monotonic.ts';

/**
 * The host's clock as it was when this clock was made, and from then on by a monotonic one: when somebody sets the host's
 * clock, time goes on here as if nothing had happened. Milliseconds since 1970.
 */
export function steadyClock(
  wall: Clock = systemClock,
  monotonic: () => number = monotonicNanoseconds,
): Clock {
  const start = wall();
  const origin = monotonic();
  return () => start + Math.floor((monotonic() - origin) / 1e6);
}
