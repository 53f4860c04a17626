import { describe, expect, test } from '@jest/globals';
import { Claims } from '../src/claims.ts';
import type { ClaimRequest } from '../src/claims.ts';

function request(allocationId: string, cores: number, options: Partial<ClaimRequest> = {}): ClaimRequest {
  return {
    allocationId,
    cores,
    memoryMiB: 0,
    lease: { leaseId: 'lease', cores: 100, memoryMiB: 10_000 },
    ...options,
  };
}

/** The refusal's text, or the processors. */
function outcome(claims: Claims, claim: ClaimRequest): string {
  const decision = claims.claim(claim);
  return decision.ok ? decision.cpus.join(',') : `${decision.error.code}: ${decision.error.message}`;
}

describe('a node', () => {
  test('gives out its lowest free processors, and takes them back', () => {
    const claims = new Claims({ cpus: [7, 2, 3, 5], memoryMiB: 100, topology: new Map() });
    expect(outcome(claims, request('a', 2))).toBe('2,3');
    expect(outcome(claims, request('b', 1))).toBe('5');
    expect(claims.freeCores).toBe(1);
    expect(claims.release('a')).toBe(true);
    expect(outcome(claims, request('c', 3))).toBe('2,3,7');
    expect(claims.freeCores).toBe(0);
  });

  test('refuses more than it has, and says what is there', () => {
    const claims = new Claims({ cpus: [0, 1], memoryMiB: 100, topology: new Map() });
    expect(outcome(claims, request('a', 3))).toBe(
      'RFAAS_ERR_NO_CAPACITY: cannot allocate 3 cores: this node has 2, of which 0 are allocated',
    );
    expect(outcome(claims, request('a', 1, { memoryMiB: 60 }))).toBe('0');
    expect(outcome(claims, request('b', 1, { memoryMiB: 41 }))).toBe(
      'RFAAS_ERR_NO_CAPACITY: cannot allocate 41 MiB of memory: this node has 100, of which 60 are allocated',
    );
    expect(claims.freeCores).toBe(1);
    expect(outcome(claims, request('b', 1, { memoryMiB: 40 }))).toBe('1');
    expect(claims.freeMemoryMiB).toBe(0);
  });

  test.each([0, -1, 1.5, Number.NaN, 2 ** 60])('refuses %p cores', (cores) => {
    const claims = new Claims({ cpus: [0, 1], memoryMiB: 100, topology: new Map() });
    expect(outcome(claims, request('a', cores))).toMatch(/RFAAS_ERR_(USAGE|NO_CAPACITY): cannot allocate/);
    expect(claims.freeCores).toBe(2);
  });

  test('may share a processor on purpose', () => {
    const claims = new Claims({ cpus: [0, 0, 1, 1], memoryMiB: 100, topology: new Map() });
    expect(outcome(claims, request('a', 3))).toBe('0,0,1');
    claims.release('a');
    expect(claims.freeCores).toBe(4);
  });
});

describe('a lease', () => {
  test('is counted, however often its token is presented', () => {
    const claims = new Claims({ cpus: [0, 1, 2, 3], memoryMiB: 100, topology: new Map() });
    const lease = { leaseId: 'small', cores: 2, memoryMiB: 30 };
    expect(outcome(claims, request('a', 1, { lease, memoryMiB: 20 }))).toBe('0');
    expect(outcome(claims, request('b', 2, { lease }))).toBe(
      'RFAAS_ERR_NO_CAPACITY: cannot allocate 2 cores: the lease has 2, of which 1 are allocated',
    );
    expect(outcome(claims, request('b', 1, { lease, memoryMiB: 11 }))).toContain(
      'the lease has 30, of which 20',
    );
    expect(outcome(claims, request('b', 1, { lease, memoryMiB: 10 }))).toBe('1');
    claims.release('a');
    expect(outcome(claims, request('c', 1, { lease, memoryMiB: 20 }))).toBe('0');
  });

  test('does not touch what others hold', () => {
    const claims = new Claims({ cpus: [0, 1], memoryMiB: 100, topology: new Map() });
    claims.claim(request('a', 1, { lease: { leaseId: 'one', cores: 1, memoryMiB: 0 } }));
    expect(outcome(claims, request('b', 1, { lease: { leaseId: 'two', cores: 1, memoryMiB: 0 } }))).toBe('1');
  });
});

test('what nobody holds cannot be released, and nothing is released twice', () => {
  const claims = new Claims({ cpus: [0], memoryMiB: 1, topology: new Map() });
  claims.claim(request('a', 1));
  expect(claims.release('b')).toBe(false);
  expect(claims.release('a')).toBe(true);
  expect(claims.release('a')).toBe(false);
  expect(claims.freeCores).toBe(1);
});

/** A small generator with a seed, so that a failure can be repeated (mulberry32). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

interface Held {
  readonly leaseId: string;
  readonly cpus: readonly number[];
  readonly memoryMiB: number;
}

/** What must always hold, told from the outside by what was granted. */
class Model {
  readonly held = new Map<string, Held>();

  total(leaseId?: string): { cores: number; memoryMiB: number } {
    const claims = [...this.held.values()].filter(
      (claim) => leaseId === undefined || claim.leaseId === leaseId,
    );
    return {
      cores: claims.reduce((sum, { cpus }) => sum + cpus.length, 0),
      memoryMiB: claims.reduce((sum, { memoryMiB }) => sum + memoryMiB, 0),
    };
  }
}

test.each([1, 2, 3, 4, 5])('random claims and releases agree with a model (seed %d)', (seed) => {
  const random = randomFrom(seed);
  const capacity = {
    cpus: Array.from({ length: 16 }, (_, cpu) => cpu),
    memoryMiB: 1000,
    topology: new Map(),
  };
  const leases = Array.from({ length: 5 }, (_, index) => ({
    leaseId: `lease ${index}`,
    cores: 1 + random(10),
    memoryMiB: random(500),
  }));
  const claims = new Claims(capacity);
  const model = new Model();
  for (let step = 0; step < 4000; step += 1) {
    const ids = [...model.held.keys()];
    if (random(2) === 0 && ids.length > 0) {
      const id = ids[random(ids.length)] ?? '';
      expect(claims.release(id)).toBe(model.held.delete(id));
    } else {
      const lease = leases[random(leases.length)] ?? { leaseId: '', cores: 0, memoryMiB: 0 };
      const cores = random(8);
      const memoryMiB = random(300);
      const [used, ofLease] = [model.total(), model.total(lease.leaseId)];
      const fits =
        cores > 0 &&
        used.cores + cores <= 16 &&
        used.memoryMiB + memoryMiB <= 1000 &&
        ofLease.cores + cores <= lease.cores &&
        ofLease.memoryMiB + memoryMiB <= lease.memoryMiB;
      const decision = claims.claim({ allocationId: `${step}`, cores, memoryMiB, lease });
      expect(decision.ok).toBe(fits);
      if (decision.ok) {
        model.held.set(`${step}`, { leaseId: lease.leaseId, cpus: decision.cpus, memoryMiB });
      }
    }
    const cpus = [...model.held.values()].flatMap((claim) => claim.cpus);
    expect(new Set(cpus).size).toBe(cpus.length);
    const { cores, memoryMiB } = model.total();
    expect([claims.freeCores, claims.freeMemoryMiB]).toEqual([16 - cores, 1000 - memoryMiB]);
  }
});
