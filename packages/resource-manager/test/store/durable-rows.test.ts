import { expect, test } from '@jest/globals';
import { DurableRows } from '../../src/store/durable-rows.ts';
import { MemoryStore } from '../../src/store/memory-store.ts';
import type { RowChange } from '../../src/store/state-store.ts';

/** A store whose disk may be full, and which tells what it was asked to write. */
class FillingStore extends MemoryStore {
  readonly groups: RowChange[][] = [];
  isFull = false;

  override async commit(changes: readonly RowChange[]): Promise<void> {
    if (this.isFull) throw new Error('database or disk is full');
    this.groups.push([...changes]);
    await super.commit(changes);
  }
}

test('rows that change together are written together, each once and with its last value', async () => {
  const store = new FillingStore();
  const rows = new DurableRows(store);
  let value = 'first';
  rows.mark('a', () => value);
  rows.mark('b', () => undefined);
  value = 'last';
  rows.mark('a', () => value);
  await rows.settled();
  expect(store.groups).toEqual([
    [
      { key: 'a', value: 'last' },
      { key: 'b', value: undefined },
    ],
  ]);
});

test('nothing to write is settled at once', async () => {
  const store = new FillingStore();
  await new DurableRows(store).settled();
  expect(store.groups).toEqual([]);
});

test('what cannot be written is told to whoever waits, and goes in front of what changes later', async () => {
  const store = new FillingStore();
  const rows = new DurableRows(store);
  store.isFull = true;
  rows.mark('a', () => '1');
  await expect(rows.settled()).rejects.toMatchObject({
    code: 'RFAAS_ERR_STORE',
    message: expect.stringContaining('full'),
  });
  expect(rows.failure).toBeDefined();
  store.isFull = false;
  rows.mark('b', () => '2');
  await rows.settled();
  expect(store.groups).toEqual([
    [
      { key: 'a', value: '1' },
      { key: 'b', value: '2' },
    ],
  ]);
  expect(rows.failure).toBeUndefined();
});

test('what nobody waits for is tried again', async () => {
  const store = new FillingStore();
  const rows = new DurableRows(store);
  store.isFull = true;
  rows.mark('a', () => '1');
  await expect(rows.settled()).rejects.toThrow();
  store.isFull = false;
  await rows.settled();
  expect(store.groups).toHaveLength(1);
});

test('after the end nothing is written, and nobody is told that it was', async () => {
  const store = new FillingStore();
  const rows = new DurableRows(store);
  rows.mark('a', () => '1');
  const waiting = rows.settled();
  rows.abandon();
  await expect(waiting).rejects.toMatchObject({ code: 'RFAAS_ERR_NOT_LEADER' });
  rows.mark('b', () => '2');
  await expect(rows.settled()).rejects.toMatchObject({ code: 'RFAAS_ERR_STORE' });
  expect(store.groups).toEqual([]);
});
