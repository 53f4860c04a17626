import { describe, expect, test } from '@jest/globals';
import { InvocationTable } from '../src/invocation-table.ts';

const SLOT_COUNTS = [1, 2, 4, 8, 16, 32, 64];

describe('InvocationTable', () => {
  test.each([0, -8, 3, 6, 63, 65, 128, 1.5, Number.NaN])('refuses %p slots', (slots) => {
    expect(() => new InvocationTable(slots)).toThrow(RangeError);
  });

  test.each(SLOT_COUNTS)('hands out each of %i slots once, then none', (slots) => {
    const table = new InvocationTable<string>(slots);
    const taken = Array.from({ length: slots }, () => table.acquire());
    expect(new Set(taken).size).toBe(slots);
    expect(table.freeCount).toBe(0);
    expect(table.acquire()).toBe(-1);
  });

  test.each(SLOT_COUNTS)('ids are congruent to their slot, past 65,536 invocations of %i slots', (slots) => {
    const table = new InvocationTable<number>(slots);
    for (let count = 0; count < 65_536 + 5 * slots; count += 1) {
      const slot = table.acquire();
      const id = table.begin(slot, count);
      if ((id & (slots - 1)) !== slot) throw new Error(`id ${id} is not congruent to slot ${slot}`);
      if (id < 0 || id > 0xffff) throw new Error(`id ${id} has more than 16 bits`);
      if (table.slotOf(id) !== slot) throw new Error(`id ${id} is not found in slot ${slot}`);
      table.complete(slot);
    }
    expect(table.freeCount).toBe(slots);
    expect(table.inFlight).toBe(0);
  });

  test('with one slot every one of the 65,536 ids is used before the first comes again', () => {
    const table = new InvocationTable<string>(1);
    const ids = new Set<number>();
    for (let count = 0; count < 65_536; count += 1) {
      const slot = table.acquire();
      ids.add(table.begin(slot, undefined));
      table.complete(slot);
    }
    expect(ids.size).toBe(65_536);
    expect(table.begin(table.acquire(), undefined)).toBe(0);
  });

  test('a slot that never replies blocks no other', () => {
    const table = new InvocationTable<string>(4);
    const stuck = table.acquire();
    const stuckId = table.begin(stuck, 'stuck');
    for (let count = 0; count < 200_000; count += 1) {
      const slot = table.acquire();
      if (slot === stuck) throw new Error('the stuck slot was given out');
      const id = table.begin(slot, undefined);
      if (id === stuckId) throw new Error('the id in flight was given out again');
      table.complete(slot);
    }
    expect(table.slotOf(stuckId)).toBe(stuck);
    expect(table.ownerOf(stuck)).toBe('stuck');
  });

  test('a quarantined slot stays in use until its late reply', () => {
    const table = new InvocationTable<string>(1);
    const slot = table.acquire();
    const id = table.begin(slot, 'caller');
    table.quarantine(slot, 'nobody');
    expect(table.isQuarantined(slot)).toBe(true);
    expect(table.acquire()).toBe(-1);
    expect(table.slotOf(id)).toBe(slot);
    expect(table.ownerOf(slot)).toBe('nobody');
    table.complete(slot);
    expect(table.isQuarantined(slot)).toBe(false);
    expect(table.acquire()).toBe(slot);
  });

  test('a reply nobody is owed is told apart from one in flight', () => {
    const table = new InvocationTable<string>(8);
    const slot = table.acquire();
    const id = table.begin(slot, 'a');
    expect(table.slotOf((id + 8) & 0xffff)).toBe(-1);
    expect(table.slotOf(id ^ 1)).toBe(-1);
    table.complete(slot);
    expect(table.slotOf(id)).toBe(-1);
    table.complete(slot);
    expect(table.freeCount).toBe(8);
  });

  test('a held slot is not given to others, whatever was invoked in it', () => {
    const table = new InvocationTable<string>(2);
    const held = table.hold();
    const other = table.acquire();
    expect(table.acquire()).toBe(-1);
    table.begin(held, undefined);
    table.complete(held);
    expect(table.acquire()).toBe(-1);
    table.giveBack(held);
    expect(table.acquire()).toBe(-1);
    table.unhold(held);
    expect(table.acquire()).toBe(held);
    table.giveBack(other);
    expect(table.acquire()).toBe(other);
  });

  test('a slot whose hold ends in flight becomes free with the reply', () => {
    const table = new InvocationTable<string>(1);
    const held = table.hold();
    table.begin(held, undefined);
    table.unhold(held);
    expect(table.freeCount).toBe(0);
    table.complete(held);
    expect(table.freeCount).toBe(1);
    table.unhold(held);
    expect(table.freeCount).toBe(1);
  });

  test('a request that was not sent leaves the slot acquired', () => {
    const table = new InvocationTable<string>(1);
    const slot = table.acquire();
    table.begin(slot, 'a');
    table.cancel(slot);
    expect(table.inFlight).toBe(0);
    expect(table.ownerOf(slot)).toBeUndefined();
    table.giveBack(slot);
    expect(table.freeCount).toBe(1);
  });

  test('an invocation needs an acquired slot', () => {
    expect(() => new InvocationTable<string>(2).begin(0, undefined)).toThrow('not acquired');
  });

  test('random use against a model', () => {
    const slots = 8;
    const table = new InvocationTable<number>(slots);
    const model = new Map<number, { owner: number; quarantined: boolean }>();
    let seed = 12345;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return (seed >>> 8) % below;
    };
    for (let step = 0; step < 50_000; step += 1) {
      const action = random(3);
      if (action === 0) {
        const slot = table.acquire();
        expect(slot === -1).toBe(model.size === slots);
        if (slot >= 0) {
          const id = table.begin(slot, step);
          if (model.has(id)) throw new Error(`id ${id} was in flight already`);
          model.set(id, { owner: step, quarantined: false });
        }
        continue;
      }
      const ids = [...model.keys()];
      if (ids.length === 0) continue;
      const id = ids[random(ids.length)]!;
      const slot = table.slotOf(id);
      if (action === 1) {
        table.quarantine(slot, model.get(id)!.owner);
        model.get(id)!.quarantined = true;
        continue;
      }
      if (table.ownerOf(slot) !== model.get(id)!.owner) throw new Error('wrong owner');
      if (table.isQuarantined(slot) !== model.get(id)!.quarantined) throw new Error('wrong state');
      table.complete(slot);
      model.delete(id);
      if (table.inFlight !== model.size || table.freeCount !== slots - model.size)
        throw new Error('wrong count');
    }
  });
});
