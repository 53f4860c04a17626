import {
  PlacementIndex,
  placementRequest,
  seededRandom,
  type PlacementPolicy,
  type PlacementRequest,
  type Random,
  type Share,
} from '@rfaas/resource-manager';
import type { Measurement } from '../measure/report.ts';
import { describeNode, totalCores } from '../simulation/settings.ts';
import { measurement, type Benchmark } from './benchmark.ts';

const { hrtime } = process;
const NANOSECONDS = 1e9;
const SIZES = [1000, 10_000, 100_000];
const POLICIES: readonly PlacementPolicy[] = [
  { kind: 'pack' },
  { kind: 'spread' },
  { kind: 'random' },
  { kind: 'locality', label: 'rack' },
];
/** Leased cores while it is measured, as a share of all. */
const USED = 0.9;
const MAX_SAMPLES = 100_000;

/** Decisions about where leases go, without anything around them. */
export const placement: Benchmark = {
  name: 'placement',
  description:
    'where a lease goes in clusters of 1,000 to 100,000 nodes that are nine tenths full, under each policy',
  async run({ count, progress }) {
    const samples = Math.min(count, MAX_SAMPLES);
    const measurements: Measurement[] = [];
    const facts: Record<string, number> = {};
    for (const policy of POLICIES) {
      for (const nodes of SIZES) {
        const name = `${policy.kind}, ${nodes} nodes`;
        progress.show(`${name}: filling the cluster`);
        const cluster = new FullCluster(policy, nodes);
        progress.show(name);
        const { decisions, grants, processorSeconds } = cluster.measure(samples);
        measurements.push(measurement(name, decisions));
        facts[`${name}: grants in a second of processor time, each decided, taken and given back`] =
          Math.round(grants / processorSeconds);
      }
    }
    return { settings: { samples, used: USED, coresPerNode: 100 }, measurements, facts };
  },
};

/** Nodes with random leases on them. */
class FullCluster {
  readonly #index: PlacementIndex;
  readonly #random: Random = seededRandom(1);
  readonly #leases: (readonly Share[])[] = [];
  readonly #mostCores: number;
  #cores = 0;

  constructor(policy: PlacementPolicy, nodes: number) {
    this.#index = new PlacementIndex({ policy });
    for (let number = 0; number < nodes; number += 1) this.#index.put(describeNode(number));
    this.#mostCores = USED * totalCores(nodes);
    while (this.#cores < this.#mostCores) this.#grant(drawRequest(this.#random));
  }

  /** Grants one lease after the other, and gives others back. */
  measure(count: number): {
    readonly decisions: Float64Array;
    readonly grants: number;
    readonly processorSeconds: number;
  } {
    const decisions = new Float64Array(count);
    let grants = 0;
    const before = process.cpuUsage();
    for (let i = 0; i < count; i += 1) {
      const request = drawRequest(this.#random);
      const start = hrtime();
      const decision = this.#index.place(request, this.#random);
      decisions[i] = since(start);
      if (decision.ok) this.#take(decision.shares);
      while (this.#cores > this.#mostCores) this.#giveOneBack();
      grants += decision.ok ? 1 : 0;
    }
    const { user, system } = process.cpuUsage(before);
    return { decisions, grants, processorSeconds: (user + system) / 1e6 };
  }

  #grant(request: PlacementRequest): void {
    const decision = this.#index.place(request, this.#random);
    if (decision.ok) this.#take(decision.shares);
  }

  #take(shares: readonly Share[]): void {
    this.#index.take(shares);
    this.#leases.push(shares);
    for (const { cores } of shares) this.#cores += cores;
  }

  #giveOneBack(): void {
    const at = Math.floor(this.#random() * this.#leases.length);
    const shares = this.#leases[at] as readonly Share[];
    this.#leases[at] = this.#leases.at(-1) as readonly Share[];
    this.#leases.pop();
    this.#index.giveBack(shares);
    for (const { cores } of shares) this.#cores -= cores;
  }
}

/** Mostly a few cores with memory; some with GPUs, with labels, or on several nodes. */
function drawRequest(random: Random): PlacementRequest {
  const below = (limit: number): number => Math.floor(random() * limit);
  const cores = 2 ** below(7);
  const memoryMiB = cores * 1024 * (1 + below(4));
  switch (below(20)) {
    case 0:
      return placementRequest({
        nodes: 1 + below(8),
        coresPerNode: cores,
        memoryMiBPerNode: memoryMiB,
        gpusPerNode: 0,
      });
    case 1:
      return placementRequest({ cores: 8 * cores, memoryMiB: 8 * memoryMiB, gpus: 0 });
    case 2:
      return placementRequest({
        nodes: 1,
        coresPerNode: 8,
        memoryMiBPerNode: 8192,
        gpusPerNode: 1 + below(4),
      });
    case 3:
      return placementRequest({ cores, memoryMiB, gpus: 0, labels: { kind: 'fat' } });
    default:
      return placementRequest({ cores, memoryMiB, gpus: 0 });
  }
}

function since(start: [number, number]): number {
  const [seconds, nanoseconds] = hrtime(start);
  return seconds * NANOSECONDS + nanoseconds;
}
