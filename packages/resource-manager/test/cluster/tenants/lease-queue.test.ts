import { describe, expect, test } from '@jest/globals';
import { seededRandom } from '../../../src/cluster/placement/random.ts';
import {
  LeaseQueue,
  type AttemptResult,
  type WaitingRequest,
} from '../../../src/cluster/tenants/lease-queue.ts';

type Entry = WaitingRequest<undefined>;

function entry(id: string, tenant: string, more: Partial<Entry> = {}): Entry {
  return { id, tenant, since: 0, deadline: 1000, coresPerPart: 1, request: undefined, ...more };
}

function queueOf(entries: readonly Entry[], patienceMs?: number): LeaseQueue<undefined> {
  const queue = new LeaseQueue<undefined>(patienceMs === undefined ? {} : { patienceMs });
  for (const each of entries) {
    queue.add(each);
  }
  return queue;
}

/** Serves with room for some cores on one node; returns the identifiers of what was granted. */
function serve(queue: LeaseQueue<undefined>, room: number, now = 0): string[] {
  let left = room;
  const attempt = ({ coresPerPart }: Entry): AttemptResult => {
    if (coresPerPart > left) {
      return 'no-room';
    }
    left -= coresPerPart;
    return 'granted';
  };
  return queue.serve(now, () => left, attempt).map(({ id }) => id);
}

describe('turns', () => {
  test('are taken by tenants; within one, who comes first is served first', () => {
    const queue = queueOf([
      entry('a1', 'a'),
      entry('a2', 'a'),
      entry('a3', 'a'),
      entry('b1', 'b'),
      entry('c1', 'c'),
    ]);
    expect(serve(queue, 4)).toEqual(['a1', 'b1', 'c1', 'a2']);
    expect(queue.add(entry('b2', 'b'))).toBe(1);
    expect(serve(queue, 9)).toEqual(['a3', 'b2']);
    expect(queue.length).toBe(0);
  });

  test('are kept by a tenant for whom there was no room', () => {
    const queue = queueOf([entry('a1', 'a', { coresPerPart: 4 }), entry('b1', 'b'), entry('b2', 'b')]);
    expect(serve(queue, 1)).toEqual(['b1']);
    expect(serve(queue, 4)).toEqual(['a1']);
  });

  test('are not lost by cancelling a request', () => {
    const queue = queueOf([entry('a1', 'a'), entry('a2', 'a'), entry('b1', 'b')]);
    expect(queue.remove('a1')?.id).toBe('a1');
    expect(serve(queue, 1)).toEqual(['a2']);
  });

  test('go to the next tenant if a limit of its own stands against the first one', () => {
    const queue = queueOf([entry('a1', 'a'), entry('b1', 'b')]);
    const granted = queue.serve(
      0,
      () => 9,
      ({ tenant }) => (tenant === 'a' ? 'over-limit' : 'granted'),
    );
    expect(granted.map(({ id }) => id)).toEqual(['b1']);
  });

  test('do not try requests that need more cores on one node than any node has', () => {
    const queue = queueOf([entry('a1', 'a', { coresPerPart: 9 }), entry('b1', 'b', { coresPerPart: 2 })]);
    const tried: string[] = [];
    queue.serve(
      0,
      () => 8,
      ({ id }) => {
        tried.push(id);
        return 'no-room';
      },
    );
    expect(tried).toEqual(['b1']);
  });
});

describe('patience', () => {
  const large = entry('large', 'a', { coresPerPart: 8 });

  test('ends for a large request: nobody passes it until it is granted', () => {
    const queue = queueOf([large, entry('b1', 'b', { since: 50 })], 100);
    expect(serve(queue, 4, 99)).toEqual(['b1']);
    expect(queue.mustWait('c')).toBe(false);
    queue.add(entry('b2', 'b', { since: 99 }));
    expect(serve(queue, 4, 100)).toEqual([]);
    expect(queue.mustWait('c')).toBe(true);
    expect(serve(queue, 9, 120)).toEqual(['large', 'b2']);
    expect(queue.mustWait('c')).toBe(false);
  });

  test('lets others pass again when the large request is given up', () => {
    const queue = queueOf([large, entry('b1', 'b')], 100);
    serve(queue, 4, 100);
    queue.remove('large');
    expect(queue.mustWait('c')).toBe(false);
    expect(serve(queue, 4, 100)).toEqual(['b1']);
  });

  test('is no reason to hold others up for a tenant over its own limit', () => {
    const queue = queueOf([entry('a1', 'a'), entry('b1', 'b', { since: 1 })], 100);
    const granted = queue.serve(
      200,
      () => 9,
      ({ tenant }) => (tenant === 'a' ? 'over-limit' : 'granted'),
    );
    expect(granted.map(({ id }) => id)).toEqual(['b1']);
    expect(queue.mustWait('c')).toBe(false);
    expect(queue.mustWait('a')).toBe(true);
  });

  test('serves the oldest first when it has ended for several', () => {
    const waiting = [
      entry('a1', 'a', { since: 5 }),
      entry('b1', 'b', { since: 3 }),
      entry('a2', 'a', { since: 6 }),
    ];
    expect(serve(queueOf(waiting, 10), 9, 100)).toEqual(['b1', 'a1', 'a2']);
  });
});

test('a request waits once', () => {
  expect(() => queueOf([entry('a1', 'a'), entry('a1', 'b')])).toThrow('request a1 waits already');
});

/** Random histories beside arrays: order within tenants, positions, deadlines and the number that waits. */
test.each([1, 2, 3, 4])('history %d agrees with the model', (seed) => {
  const random = seededRandom(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const queue = new LeaseQueue<undefined>(seed % 2 === 0 ? { patienceMs: 60 } : {});
  let model: Entry[] = [];
  let now = 0;
  for (let step = 0; step < 2000; step += 1) {
    now += below(4);
    const known = model[below(model.length)];
    switch (below(6)) {
      case 0:
      case 1:
      case 2: {
        const tenant = `t${below(5)}`;
        const made = entry(`r${step}`, tenant, {
          since: now,
          deadline: now + below(300),
          coresPerPart: 1 + below(8),
        });
        model.push(made);
        expect(queue.add(made)).toBe(ofTenant(tenant).length);
        break;
      }
      case 3:
        expect(queue.remove(known?.id ?? 'none')).toBe(known);
        model = model.filter((each) => each !== known);
        break;
      case 4: {
        const due = model.filter(({ deadline }) => deadline <= now).sort((a, b) => a.deadline - b.deadline);
        expect(queue.expire(now).map(({ deadline }) => deadline)).toEqual(
          due.map(({ deadline }) => deadline),
        );
        model = model.filter((each) => !due.includes(each));
        break;
      }
      default:
        serveAndCompare();
    }
    expect(queue.length).toBe(model.length);
    expect(queue.list()).toEqual(model);
    const deadlines = model.map(({ deadline }) => deadline);
    expect(queue.nextDeadline()).toBe(deadlines.length === 0 ? undefined : Math.min(...deadlines));
    const asked = model[below(model.length)];
    if (asked !== undefined) {
      expect(queue.position(asked.id)).toBe(ofTenant(asked.tenant).indexOf(asked) + 1);
      expect(queue.waiting(asked.tenant)).toBe(ofTenant(asked.tenant).length);
      expect(queue.mustWait(asked.tenant)).toBe(true);
    }
  }

  function ofTenant(tenant: string): readonly Entry[] {
    return model.filter((each) => each.tenant === tenant);
  }

  function serveAndCompare(): void {
    let room = below(14);
    const limited = `t${below(9)}`;
    const granted = queue.serve(
      now,
      () => room,
      (tried) => {
        expect(ofTenant(tried.tenant)[0]).toBe(tried);
        if (tried.tenant === limited) {
          return 'over-limit';
        }
        if (tried.coresPerPart > room) {
          return 'no-room';
        }
        room -= tried.coresPerPart;
        model = model.filter((each) => each !== tried);
        return 'granted';
      },
    );
    expect(granted.some((each) => model.includes(each))).toBe(false);
    // Unless an old request holds the others up, no first request is left that there is room for.
    if (!queue.mustWait('nobody')) {
      const heads = [...new Set(model.map(({ tenant }) => tenant))].map(
        (tenant) => ofTenant(tenant)[0] as Entry,
      );
      expect(heads.filter(({ tenant, coresPerPart }) => tenant !== limited && coresPerPart <= room)).toEqual(
        [],
      );
    }
  }
});
