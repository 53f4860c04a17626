import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { DurableRows } from '../../src/store/durable-rows.ts';
import { rowsUnder, type Row, type RowChange, type StateStore } from '../../src/store/state-store.ts';
import { lastingStores, type TestStores } from './test-stores.ts';

async function everything(store: StateStore, from = '', to = '~'): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for await (const { key, value } of store.scan(from, to)) rows.push({ key, value });
  return rows;
}

function change(key: string, value: string | undefined): RowChange {
  return { key, value };
}

/** Rows `many/00000`, `many/00001`, …, of so many bytes. */
function many(count: number, bytes = 20): readonly RowChange[] {
  return Array.from({ length: count }, (_, index) =>
    change(`many/${String(index).padStart(5, '0')}`, JSON.stringify('x'.repeat(bytes))),
  );
}

for (const { name, obstacle, make } of lastingStores) {
  const title = obstacle === undefined ? `state in ${name}` : `state in ${name}: ${obstacle}`;
  (obstacle === undefined ? describe : describe.skip)(title, () => {
    let stores: TestStores;
    beforeAll(async () => {
      stores = await make();
    }, 60_000);
    afterAll(async () => {
      await stores?.[Symbol.asyncDispose]();
    });

    test('what was committed is there again, in the order of keys, until it is removed', async () => {
      const first = await stores.open();
      await first.commit([change('b/2', '{"b":2}'), change('a/1', '{"a":1}'), change('b/1', '"b"')]);
      await first.commit([change('b/1', undefined), change('c/1', '"ö 🦀"')]);
      await first.close();
      const second = await stores.open();
      expect(await everything(second)).toEqual([
        { key: 'a/1', value: '{"a":1}' },
        { key: 'b/2', value: '{"b":2}' },
        { key: 'c/1', value: '"ö 🦀"' },
      ]);
      expect(await everything(second, ...rowsUnder('b/'))).toEqual([{ key: 'b/2', value: '{"b":2}' }]);
      await second.commit([change('a/1', undefined), change('b/2', undefined), change('c/1', undefined)]);
      expect(await everything(second)).toEqual([]);
      await second.close();
    }, 30_000);

    test('more rows than a page, a transaction or a request may have are one commit', async () => {
      const store = await stores.open();
      const rows = [
        ...many(3000),
        ...many(40, 100_000).map(({ key, value }) => change(`long/${key}`, value)),
      ];
      await store.commit(rows);
      expect((await everything(store)).length).toBe(3040);
      await store.close();
      const again = await stores.open();
      const found = await everything(again, ...rowsUnder('many/'));
      expect(found.map(({ key }) => key)).toEqual(many(3000).map(({ key }) => key));
      expect((await everything(again, ...rowsUnder('long/')))[7]?.value.length).toBe(100_002);
      await again.commit(rows.map(({ key }) => change(key, undefined)));
      expect(await everything(again)).toEqual([]);
      await again.close();
    }, 60_000);

    test('one very long row is kept: a lease on ten thousand nodes', async () => {
      const store = await stores.open();
      const value = JSON.stringify(
        Array.from({ length: 10_000 }, (_, index) => ({
          node: `node-${index}.cluster.example.org`,
          cores: 128,
          memoryMiB: 262_144,
          gpus: 0,
          incarnation: String(index * 7919),
          state: 'held',
        })),
      );
      await store.commit([change('lease/long', value)]);
      expect(await everything(store)).toEqual([{ key: 'lease/long', value }]);
      await store.commit([change('lease/long', undefined)]);
      await store.close();
    }, 30_000);

    test('changes of one moment are written in groups, the last value of each row', async () => {
      const store = await stores.open();
      const rows = new DurableRows(store);
      const values: number[] = [];
      for (let round = 0; round < 500; round += 1) {
        values[round % 50] = round;
        rows.mark(`row/${round % 50}`, () => String(values[round % 50]));
        rows.mark(`gone/${round}`, () => undefined);
      }
      await rows.settled();
      expect((await everything(store)).length).toBe(50);
      expect(await everything(store, 'row/7', 'row/8')).toEqual([{ key: 'row/7', value: '457' }]);
      await store.commit((await everything(store)).map(({ key }) => change(key, undefined)));
      await rows.close();
      await store.close();
    }, 30_000);

    test('whoever has the state to itself is told so', async () => {
      const store = await stores.open();
      await store.confirm();
      await store.close();
    }, 30_000);
  });
}
