import { errorCode } from '@rfaas/core';
import { expect, test } from '@jest/globals';
import { node, request, testCluster } from './test-cluster.ts';

/** What a lease takes, as a model without any cleverness keeps it. */
interface ModelLease {
  readonly node: string;
  readonly cores: number;
  readonly memoryMiB: number;
  readonly expiry: number;
  readonly owner: number;
  readonly incarnation: bigint;
  running: boolean;
}

const names = ['a', 'b', 'c'];
const capacity = { a: [2, 512], b: [4, 1024], c: [8, 256] } as Record<string, [number, number]>;

/** Random histories of a cluster beside a model: at no time is more leased than there is, nor less free than is true. */
test.each([1, 2, 3, 4, 5, 6, 7, 8])('history %d agrees with the model', (seed) => {
  const below = generator(seed);
  const world = testCluster({ leaseSkewMs: 50, maxLeaseMs: 400 });
  const leases = new Map<string, ModelLease>();
  const incarnations = new Map<string, bigint>();

  for (let step = 0; step < 600; step += 1) {
    const name = names[below(names.length)] ?? 'a';
    switch (below(9)) {
      case 0:
        connect(name);
        break;
      case 1:
        disconnect(name);
        break;
      case 2:
      case 3:
      case 4:
        lease(name);
        break;
      case 5:
        release();
        break;
      case 6:
        confirm();
        break;
      case 7:
        ownerGone();
        break;
      default:
        pass(below(120));
    }
    compare();
  }

  function connect(name: string): void {
    if (incarnations.has(name)) {
      return;
    }
    const incarnation = BigInt(1 + below(3));
    const [cores, memoryMiB] = capacity[name] ?? [1, 1];
    world.cluster.register(node(name, cores, memoryMiB), incarnation);
    incarnations.set(name, incarnation);
    for (const [id, known] of leases) {
      if (known.node === name && known.incarnation !== incarnation) {
        leases.delete(id);
      }
    }
  }

  function disconnect(name: string): void {
    if (incarnations.delete(name)) {
      world.cluster.nodeLost(name);
      for (const known of leases.values()) {
        known.running &&= known.node !== name;
      }
    }
  }

  function lease(name: string): void {
    const asked = request(1 + below(4), {
      memoryMiB: below(300),
      durationMs: 1 + below(400),
      node: below(2) === 0 ? '' : name,
    });
    const owner = below(4);
    const possible = [...incarnations.keys()].filter(
      (candidate) =>
        (asked.node === '' || asked.node === candidate) && fits(candidate, asked.cores, asked.memoryMiB),
    );
    try {
      const granted = world.cluster.grant('t', owner, asked).lease;
      expect(possible).toContain(granted.node);
      const { leaseId, cores, memoryMiB, expiry, incarnation } = granted;
      leases.set(leaseId, {
        node: granted.node,
        cores,
        memoryMiB,
        expiry,
        owner,
        incarnation,
        running: true,
      });
    } catch (error) {
      expect(errorCode(error)).toMatch(/NO_CAPACITY|NODE_UNKNOWN/);
      expect(possible).toEqual([]);
    }
  }

  function fits(name: string, cores: number, memoryMiB: number): boolean {
    const [allCores, allMemory] = capacity[name] ?? [0, 0];
    const [takenCores, takenMemory] = taken(name);
    return takenCores + cores <= allCores && takenMemory + memoryMiB <= allMemory;
  }

  function taken(name: string): readonly [number, number] {
    const here = [...leases.values()].filter((known) => known.node === name);
    return [
      here.reduce((sum, { cores }) => sum + cores, 0),
      here.reduce((sum, { memoryMiB }) => sum + memoryMiB, 0),
    ];
  }

  function release(): void {
    const [id, known] = pick() ?? [];
    if (id !== undefined && known?.running === true) {
      world.cluster.release('t', id);
      known.running = false;
    }
  }

  function confirm(): void {
    const [id, known] = pick() ?? [];
    if (id !== undefined && known !== undefined && incarnations.has(known.node)) {
      world.cluster.leaseEnded(known.node, id);
      leases.delete(id);
    }
  }

  function ownerGone(): void {
    const owner = below(4);
    world.cluster.ownerGone(owner);
    for (const known of leases.values()) {
      known.running &&= known.owner !== owner;
    }
  }

  function pass(ms: number): void {
    world.now += ms;
    world.cluster.sweep();
    for (const [id, known] of leases) {
      known.running &&= known.expiry > world.now;
      if (known.expiry + 50 <= world.now) {
        leases.delete(id);
      }
    }
  }

  function pick(): readonly [string, ModelLease] | undefined {
    const all = [...leases];
    return all.length === 0 ? undefined : all[below(all.length)];
  }

  function compare(): void {
    const actual = world.cluster
      .leases()
      .map(({ lease: { leaseId }, ending }) => [leaseId, ending === undefined]);
    expect(actual.sort()).toEqual([...leases].map(([id, { running }]) => [id, running]).sort());
    for (const status of world.cluster.nodes()) {
      const [cores, memoryMiB] = taken(status.name);
      expect(cores).toBeLessThanOrEqual(status.cores);
      expect(status.free).toMatchObject({
        cores: status.cores - cores,
        memoryMiB: status.memoryMiB - memoryMiB,
      });
      expect(status.state).toBe(incarnations.has(status.name) ? 'connected' : 'lost');
    }
  }
});

function generator(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    // Park and Miller's minimal standard generator: the same history in every run.
    state = (state * 48_271) % 2_147_483_647;
    return state % limit;
  };
}
