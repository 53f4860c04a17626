import type { Stats } from './answers.ts';

/** One moment of the charts. Rates are in 1/s, `null` where they are not known. */
export interface Moment {
  /** Seconds since 1970. */
  readonly time: number;
  readonly coresLeased: number;
  readonly coresAll: number;
  readonly leases: number;
  readonly queued: number;
  readonly granted: number | null;
  readonly refused: number | null;
  readonly invocations: number | null;
  readonly p50: number | null;
  readonly p99: number | null;
}

const keptSeconds = 600;

/** What the charts show: the last ten minutes, as this page has seen them. */
export class History {
  readonly moments: Moment[] = [];
  #before: Stats | undefined;

  add(stats: Stats): Moment {
    const rates = ratesBetween(this.#before, stats);
    const time = Date.parse(stats.time) / 1000;
    const { p50, p99 } = stats.grantLatency;
    const moment: Moment = {
      time,
      coresLeased: stats.cores.all - stats.cores.free,
      coresAll: stats.cores.all,
      leases: stats.leases.running + stats.leases.ending,
      queued: stats.queued,
      ...rates,
      p50,
      p99,
    };
    this.#before = stats;
    // A manager whose clock was set back begins anew.
    if ((this.moments.at(-1)?.time ?? 0) > time) this.moments.length = 0;
    this.moments.push(moment);
    while ((this.moments[0]?.time ?? time) < time - keptSeconds) this.moments.shift();
    return moment;
  }
}

function ratesBetween(
  before: Stats | undefined,
  now: Stats,
): Pick<Moment, 'granted' | 'refused' | 'invocations'> {
  const seconds = before === undefined ? 0 : now.uptimeSeconds - before.uptimeSeconds;
  // The first look, or the manager was started again.
  if (before === undefined || seconds <= 0) return { granted: null, refused: null, invocations: null };
  const rate = (from: number, to: number): number => Math.max(0, to - from) / seconds;
  return {
    granted: rate(before.totals.granted, now.totals.granted),
    refused: rate(before.totals.refused, now.totals.refused),
    invocations: rate(before.usage.invocations, now.usage.invocations),
  };
}
