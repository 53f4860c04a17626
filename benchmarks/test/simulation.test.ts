import { describe, expect, jest, test } from '@jest/globals';
import { seededRandom, type PlacementPolicy } from '@rfaas/resource-manager';
import { ActionHeap } from '../src/simulation/action-heap.ts';
import { exponential, logNormal, WeightedChoice, zipf } from '../src/simulation/distributions.ts';
import { fragmentation, jain, TimeAverage } from '../src/simulation/measures.ts';
import type { RunResult } from '../src/simulation/run-recorder.ts';
import { totalCores, type SimulationSettings } from '../src/simulation/settings.ts';
import { simulate } from '../src/simulation/simulate.ts';
import { SimulatedNodes } from '../src/simulation/simulated-nodes.ts';
import { VirtualTime } from '../src/simulation/virtual-time.ts';
import { askedCores, MEAN_WORK_MS, Workload } from '../src/simulation/workload.ts';

// Seconds of work on a machine that has nothing else to do.
jest.setTimeout(120_000);

const small: SimulationSettings = {
  seed: 1,
  policy: { kind: 'pack' },
  nodes: 32,
  tenants: 8,
  skew: 1,
  requests: 500,
  load: 1.5,
  // A failure every four minutes: more than any cluster has, so that every way of failing occurs.
  nodeMtbfHours: 2,
  tenantShare: 0,
};

/** What does not depend on how fast the machine is. */
function facts({ calls, grantsPerSecond: _speed, ...rest }: RunResult): unknown {
  return { ...rest, calls: Object.entries(calls).map(([name, { count }]) => [name, count]) };
}

describe('a small cluster with many failures', () => {
  const policies: readonly PlacementPolicy[] = [
    { kind: 'pack' },
    { kind: 'spread' },
    { kind: 'random' },
    { kind: 'locality', label: 'rack' },
  ];

  test.each(policies)('never grants what is not there, and is empty in the end: $kind', async (policy) => {
    const result = await simulate({ ...small, policy });
    const granted = result.grantedAtOnce + result.grantedAfterWaiting;
    const refused = Object.values(result.refused).reduce((sum, count) => sum + count, 0);
    expect(granted + refused).toBe(result.requests);
    expect(result.nodeFailures).toBeGreaterThan(10);
    expect(result.renewals).toBeGreaterThan(0);
    expect(result.grantedAfterWaiting).toBeGreaterThan(0);
    expect(refused).toBeGreaterThan(0);
    expect(result.utilisation).toBeGreaterThan(0.5);
    expect(result.utilisation).toBeLessThanOrEqual(1);
    expect(result.fairness).toBeGreaterThan(0.5);
    expect(result.samples.length).toBe(100);
    for (const { tenant, asked, served } of result.tenants) {
      expect([tenant, served <= asked]).toEqual([tenant, true]);
    }
  });

  test('goes the same way under the same seed, and another way under another', async () => {
    const settings = { ...small, policy: { kind: 'random' } as const };
    const first = facts(await simulate(settings));
    expect(facts(await simulate(settings))).toEqual(first);
    expect(facts(await simulate({ ...settings, seed: 2 }))).not.toEqual(first);
  });

  test('holds tenants to their share', async () => {
    const calm = { ...small, nodeMtbfHours: 0, tenants: 2, skew: 2 };
    const limited = await simulate({ ...calm, tenantShare: 0.1 });
    const free = await simulate(calm);
    // Two tenants with a tenth each.
    expect(limited.utilisation).toBeLessThanOrEqual(0.2);
    expect(free.utilisation).toBeGreaterThan(0.5);
  });

  test('can be interrupted', async () => {
    const controller = new AbortController();
    const run = simulate(
      { ...small, requests: 1_000_000 },
      {
        signal: controller.signal,
        onProgress: () => {
          controller.abort(new Error('enough'));
        },
      },
    );
    await expect(run).rejects.toThrow('enough');
  });
});

test('packing leaves room for large leases, spreading does not', async () => {
  const calm = { ...small, nodeMtbfHours: 0, load: 0.7, requests: 1500 };
  const packed = await simulate(calm);
  const spread = await simulate({ ...calm, policy: { kind: 'spread' } });
  expect(packed.fragmentation['64']).toBeLessThan(spread.fragmentation['64'] ?? 0);
});

describe('what nodes hold', () => {
  const share = { node: 'node-0', cores: 40, memoryMiB: 0, gpus: 0, incarnation: 1n, state: 'held' } as const;
  const record = (leaseId: string): Parameters<SimulatedNodes['take']>[0] => ({
    leaseId,
    tenant: 't',
    generation: 1,
    notBefore: 0,
    expiry: 1,
    shares: [share],
    ending: undefined,
  });

  test('is never more than they have', () => {
    const nodes = new SimulatedNodes(2);
    nodes.take(record('a'));
    expect(() => {
      nodes.take(record('b'));
    }).toThrow('lease b was granted');
  });

  test('is gone when they fail, and stays when only their connection does', () => {
    const nodes = new SimulatedNodes(2);
    nodes.take(record('a'));
    nodes.fail('node-0', true);
    expect([nodes.leasedCores, nodes.coresUp]).toEqual([0, 64]);
    expect(() => {
      nodes.take(record('b'));
    }).toThrow();
    nodes.comeBack('node-0');
    expect([nodes.leasedCores, nodes.coresUp, nodes.incarnation('node-0')]).toEqual([40, 128, 1n]);
    nodes.fail('node-0', false);
    nodes.comeBack('node-0');
    expect([nodes.leasedCores, nodes.holds('node-0', 'a'), nodes.incarnation('node-0')]).toEqual([
      0,
      false,
      2n,
    ]);
  });
});

describe('measures', () => {
  test('fragmentation is what no lease of that size can use', () => {
    expect(fragmentation([8, 8], 8)).toBe(0);
    expect(fragmentation([7, 7], 8)).toBe(1);
    expect(fragmentation([12, 4], 8)).toBe(0.5);
    expect(fragmentation([], 8)).toBe(0);
  });

  test("Jain's index is 1 for equals and 1/n for one that has everything", () => {
    expect(jain([3, 3, 3])).toBe(1);
    expect(jain([5, 0, 0, 0])).toBe(0.25);
    expect(jain([])).toBe(1);
  });

  test('an average over time weighs values by how long they hold', () => {
    const average = new TimeAverage(10);
    average.set(10, 4);
    average.set(30, 1);
    expect(average.average(40)).toBe(3);
    expect(new TimeAverage(5).average(5)).toBe(0);
  });
});

describe('virtual time', () => {
  test('jumps from one action to the next, and keeps the order of those of one moment', async () => {
    const time = new VirtualTime();
    const seen: string[] = [];
    const note =
      (name: string): (() => void) =>
      () => {
        seen.push(`${name} ${time.now}`);
      };
    time.at(20, note('c'));
    time.at(10, note('a'));
    time.at(10, () => {
      time.after(5, note('b'));
      time.at(0, note('at once'));
    });
    time.at(1000, note('late'));
    await time.run(() => false, { end: 100 });
    expect(seen).toEqual(['a 10', 'at once 10', 'b 15', 'c 20']);
    await time.run(() => false);
    expect(seen.at(-1)).toBe('late 1000');
  });
});

test('a heap of actions gives them in their order, whatever came first', () => {
  const random = seededRandom(3);
  const heap = new ActionHeap();
  const waiting: (readonly [number, number])[] = [];
  for (let number = 0; number < 3000; number += 1) {
    if (random() < (number < 1500 ? 0.7 : 0.3)) {
      const at = Math.floor(random() * 100);
      heap.push({ at, number, act: () => undefined });
      waiting.push([at, number]);
      waiting.sort(([a, first], [b, second]) => a - b || first - second);
    } else {
      const { at, number: popped } = heap.pop() ?? {};
      expect([at, popped]).toEqual(waiting.shift() ?? [undefined, undefined]);
    }
    expect(heap.peek()?.number).toBe(waiting[0]?.[1]);
  }
});

describe('workload', () => {
  test('is the same under the same seed and asks for the load of its settings', () => {
    const draw = (seed: number): unknown[] => {
      const workload = new Workload({ ...small, seed });
      return Array.from({ length: 50 }, () => [workload.gap(), workload.next()]);
    };
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));

    const workload = new Workload({ ...small, load: 0.5 });
    let cores = 0;
    let ms = 0;
    for (let count = 0; count < 100_000; count += 1) {
      cores += askedCores(workload.next().request);
      ms += workload.gap();
    }
    const load = (cores * MEAN_WORK_MS) / ms / totalCores(small.nodes);
    expect(Math.abs(load - 0.5)).toBeLessThan(0.03);
  });

  test('draws by weight', () => {
    const random = seededRandom(1);
    const choice = new WeightedChoice([
      ['a', 3],
      ['b', 0],
      ['c', 1],
    ]);
    const drawn = Array.from({ length: 4000 }, () => choice.choose(random));
    expect(drawn).not.toContain('b');
    expect(drawn.filter((each) => each === 'a').length / 4000).toBeCloseTo(0.75, 1);
    expect(zipf(['x', 'y'], 1)).toEqual([
      ['x', 1],
      ['y', 0.5],
    ]);
    expect(() => new WeightedChoice([])).toThrow(RangeError);
    const mean =
      Array.from({ length: 4000 }, () => exponential(random, 10)).reduce((a, b) => a + b, 0) / 4000;
    expect(Math.abs(mean - 10)).toBeLessThan(1);
    const sorted = Array.from({ length: 4001 }, () => logNormal(random, 10, 1)).sort((a, b) => a - b);
    expect(Math.abs((sorted[2000] ?? 0) - 10)).toBeLessThan(1);
  });
});
