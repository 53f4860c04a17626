import type { LeaseRequest } from '@rfaas/core';
import { seededRandom, type Random } from '@rfaas/resource-manager';
import { exponential, logNormal, WeightedChoice, zipf } from './distributions.ts';
import { totalCores, type SimulationSettings } from './settings.ts';

/** What somebody wants to run. */
export interface Job {
  readonly tenant: string;
  readonly request: LeaseRequest;
  /** How long it runs once it has its lease. */
  readonly workMs: number;
  /** Whether it renews its lease until it is done; otherwise it ends with its lease at the latest. */
  readonly renews: boolean;
}

type Shape = Pick<LeaseRequest, 'nodes' | 'cores' | 'memoryMiB' | 'gpus' | 'atLeast'>;

const MINUTE = 60_000;
const GIB = 1024;
/** Median and spread of the work: most of it is short, a tenth of it takes more than 45 minutes. */
const WORK = { medianMs: 10 * MINUTE, sigma: 1.2 } as const;
/** The mean of the work, as the logarithmic normal distribution has it. */
export const MEAN_WORK_MS = WORK.medianMs * Math.exp(WORK.sigma ** 2 / 2);
/** Requests that are drawn to learn how many cores they ask for on average. */
const SAMPLES = 100_000;

const SHAPES = new WeightedChoice<(random: Random) => Shape>([
  [small, 0.7],
  [wholeNode, 0.2],
  [severalNodes, 0.07],
  [withGpus, 0.02],
  [large, 0.01],
]);

/** Jobs as tenants come up with them, the same ones in every run with the same seed. */
export class Workload {
  /** The mean time from one job to the next that makes up the load of the settings. */
  readonly meanGapMs: number;
  readonly #random: Random;
  readonly #tenants: WeightedChoice<string>;
  #count = 0;

  constructor({ seed, tenants, skew, nodes, load }: SimulationSettings) {
    const names = Array.from({ length: tenants }, (_, index) => `tenant-${index + 1}`);
    this.#tenants = new WeightedChoice(zipf(names, skew));
    this.#random = seededRandom(seed + 1);
    let cores = 0;
    for (let sample = 0; sample < SAMPLES; sample += 1)
      cores += askedCores(SHAPES.choose(this.#random)(this.#random));
    this.meanGapMs = ((cores / SAMPLES) * MEAN_WORK_MS) / (load * totalCores(nodes));
    this.#random = seededRandom(seed);
  }

  /** The time until the next job. */
  gap(): number {
    return exponential(this.#random, this.meanGapMs);
  }

  /** A job that begins. */
  next(): Job {
    return this.#job(logNormal(this.#random, WORK.medianMs, WORK.sigma));
  }

  /**
   * The rest of a job that is somewhere in its middle, as they are found in a cluster that has been busy for long: the longer
   * a job is, the likelier it is met.
   */
  running(): Job {
    const wholeMs = logNormal(this.#random, WORK.medianMs * Math.exp(WORK.sigma ** 2), WORK.sigma);
    return this.#job(wholeMs * this.#random());
  }

  #job(work: number): Job {
    const random = this.#random;
    this.#count += 1;
    const tenant = this.#tenants.choose(random);
    const workMs = Math.ceil(work);
    const kind = random();
    // Some renew short leases, some ask for too little time, most for more than they need.
    const renews = kind < 0.2;
    const durationMs = Math.ceil(renews ? 5 * MINUTE : workMs * (kind < 0.25 ? 0.9 : 1 + random()));
    const request: LeaseRequest = {
      leaseId: this.#count.toString(16).padStart(32, '0'),
      ...SHAPES.choose(random)(random),
      durationMs,
      queueMs: random() < 0.8 ? 60 * MINUTE : 0,
      node: '',
      labels: '',
      within: '',
    };
    return { tenant, request, workMs, renews };
  }
}

/** Cores that a request asks for in all. */
export function askedCores({ nodes, cores }: Pick<LeaseRequest, 'nodes' | 'cores'>): number {
  return Math.max(1, nodes) * cores;
}

function small(random: Random): Shape {
  const cores = pick(random, [1, 1, 1, 2, 2, 4, 8]);
  return shape({ cores, memoryMiB: cores * pick(random, [1, 2, 4]) * GIB });
}

function wholeNode(random: Random): Shape {
  const cores = pick(random, [16, 16, 32, 64]);
  return shape({ nodes: 1, cores, memoryMiB: cores * pick(random, [2, 4]) * GIB });
}

function severalNodes(random: Random): Shape {
  const cores = pick(random, [16, 32, 64]);
  return shape({ nodes: pick(random, [2, 2, 4, 4, 8, 16]), cores, memoryMiB: cores * 2 * GIB });
}

function withGpus(random: Random): Shape {
  const gpus = pick(random, [1, 1, 2, 4]);
  return shape({ nodes: 1, cores: 8 * gpus, memoryMiB: 64 * GIB, gpus });
}

function large(random: Random): Shape {
  const cores = pick(random, [256, 512, 1024, 2048]);
  return shape({ cores, memoryMiB: cores * GIB, atLeast: random() < 0.5 ? cores / 2 : 0 });
}

function shape(given: Partial<Shape>): Shape {
  return { nodes: 0, cores: 1, memoryMiB: 0, gpus: 0, atLeast: 0, ...given };
}

function pick<T>(random: Random, values: readonly T[]): T {
  return values[Math.floor(random() * values.length)] as T;
}
