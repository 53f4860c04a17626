import { performance } from 'node:perf_hooks';
import { summarize, type Summary } from '../measure/statistics.ts';
import { fragmentation, jain, TimeAverage } from './measures.ts';
import type { SimulatedNodes } from './simulated-nodes.ts';
import { askedCores, type Job } from './workload.ts';

/** Sizes of leases on one node for which fragmentation is told. */
export const FRAGMENT_CORES = [8, 32, 64, 128] as const;

/** The state of the cluster at one moment. */
export interface Sample {
  readonly hours: number;
  /** Leased cores as a share of those on nodes that are up. */
  readonly utilisation: number;
  readonly queued: number;
  /** For leases of 64 cores on one node; see {@link fragmentation}. */
  readonly fragmentation: number;
}

/** What one tenant asked for and was granted, in core-hours of work; of requests that were decided. */
export interface TenantResult {
  readonly tenant: string;
  readonly requests: number;
  readonly asked: number;
  readonly served: number;
}

/** What a simulation found. */
export interface RunResult {
  readonly hours: number;
  readonly requests: number;
  readonly grantedAtOnce: number;
  readonly grantedAfterWaiting: number;
  /** By reason or error code. */
  readonly refused: Readonly<Record<string, number>>;
  readonly renewals: number;
  readonly nodeFailures: number;
  /** Nanoseconds of real time that calls of the resource manager took, by call. */
  readonly calls: Readonly<Record<string, Summary>>;
  /** Grants in a second of real time that is spent in the resource manager, all of its calls included. */
  readonly grantsPerSecond: number;
  readonly utilisation: number;
  readonly queued: number;
  /** Averages over the samples, by cores of the lease that is to fit. */
  readonly fragmentation: Readonly<Record<string, number>>;
  /** Milliseconds from request to grant, 0 for those granted at once. */
  readonly wait: Summary | undefined;
  /** Jain's index over the tenants with enough requests to tell: what was granted of what they asked for. */
  readonly fairness: number;
  readonly tenants: readonly TenantResult[];
  readonly samples: readonly Sample[];
}

interface TenantSum {
  requests: number;
  asked: number;
  served: number;
}

const MS_PER_HOUR = 3_600_000;
/** Requests of a tenant from which on its share says something. */
const TELLING = 30;

/** Notes what happens while it is measured. */
export class RunRecorder {
  readonly #nodes: SimulatedNodes;
  readonly #start: number;
  readonly #utilisation: TimeAverage;
  readonly #queued: TimeAverage;
  readonly #calls = new Map<string, number[]>();
  readonly #waits: number[] = [];
  readonly #refused = new Map<string, number>();
  readonly #tenants = new Map<string, TenantSum>();
  readonly #samples: Sample[] = [];
  readonly #fragmentation = new Map<number, number[]>(FRAGMENT_CORES.map((cores) => [cores, []]));
  renewals = 0;
  nodeFailures = 0;

  constructor(nodes: SimulatedNodes, now: number) {
    this.#nodes = nodes;
    this.#start = now;
    this.#utilisation = new TimeAverage(now);
    this.#queued = new TimeAverage(now);
  }

  /** Times a call of the resource manager. */
  time<T>(call: string, act: () => T): T {
    const start = performance.now();
    try {
      return act();
    } finally {
      const nanoseconds = (performance.now() - start) * 1e6;
      const samples = this.#calls.get(call);
      if (samples === undefined) this.#calls.set(call, [nanoseconds]);
      else samples.push(nanoseconds);
    }
  }

  /** A job got a lease with so many cores. */
  granted(job: Job, cores: number, waitMs: number): void {
    this.#waits.push(waitMs);
    this.#decided(job, cores);
  }

  refused(job: Job, reason: string): void {
    this.#refused.set(reason, (this.#refused.get(reason) ?? 0) + 1);
    this.#decided(job, 0);
  }

  /** Something has changed: how much is used from now on. */
  state(now: number, queued: number): void {
    this.#utilisation.set(now, this.#used());
    this.#queued.set(now, queued);
  }

  sample(now: number, queued: number): void {
    const free = [...this.#nodes.freeCores()];
    for (const [cores, values] of this.#fragmentation) values.push(fragmentation(free, cores));
    this.#samples.push({
      hours: (now - this.#start) / MS_PER_HOUR,
      utilisation: this.#used(),
      queued,
      fragmentation: fragmentation(free, 64),
    });
  }

  result(now: number): RunResult {
    const tenants = [...this.#tenants]
      .map(([tenant, { requests, asked, served }]) => ({
        tenant,
        requests,
        asked: asked / MS_PER_HOUR,
        served: served / MS_PER_HOUR,
      }))
      .sort((a, b) => b.asked - a.asked);
    const atOnce = this.#waits.filter((wait) => wait === 0).length;
    const spent = [...this.#calls.values()].flat().reduce((sum, each) => sum + each, 0);
    return {
      hours: (now - this.#start) / MS_PER_HOUR,
      requests: tenants.reduce((sum, { requests }) => sum + requests, 0),
      grantedAtOnce: atOnce,
      grantedAfterWaiting: this.#waits.length - atOnce,
      refused: Object.fromEntries(this.#refused),
      renewals: this.renewals,
      nodeFailures: this.nodeFailures,
      calls: Object.fromEntries(
        [...this.#calls].map(([call, values]) => [call, summarize(Float64Array.from(values))]),
      ),
      grantsPerSecond: this.#waits.length / (spent / 1e9),
      utilisation: this.#utilisation.average(now),
      queued: this.#queued.average(now),
      fragmentation: Object.fromEntries(
        [...this.#fragmentation].map(([cores, values]) => [cores, mean(values)]),
      ),
      wait: this.#waits.length === 0 ? undefined : summarize(Float64Array.from(this.#waits)),
      fairness: jain(
        tenants.filter(({ requests }) => requests >= TELLING).map(({ asked, served }) => served / asked),
      ),
      tenants,
      samples: this.#samples,
    };
  }

  #used(): number {
    return this.#nodes.coresUp === 0 ? 0 : this.#nodes.leasedCores / this.#nodes.coresUp;
  }

  #decided({ tenant, request, workMs }: Job, cores: number): void {
    const sum = this.#tenants.get(tenant) ?? { requests: 0, asked: 0, served: 0 };
    sum.requests += 1;
    sum.asked += askedCores(request) * workMs;
    sum.served += cores * workMs;
    this.#tenants.set(tenant, sum);
  }
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
