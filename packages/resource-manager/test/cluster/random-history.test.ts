import { expect, test } from '@jest/globals';
import { MemoryStore } from '../../src/store/memory-store.ts';
import { lastingStores } from '../store/test-stores.ts';
import { PlayedHistory } from './played-history.ts';

test.each(Array.from({ length: 20 }, (_, index) => index + 1))(
  'in history %d no core runs two leases, none is lost, and what was acknowledged is kept over kills',
  async (seed) => {
    const store = new MemoryStore();
    const history = await PlayedHistory.begin(seed, () => Promise.resolve(store));
    for (let step = 0; step < 400; step += 1) {
      await history.step();
    }
    await history.finish();
    expect(history.kills).toBeGreaterThan(5);
  },
);

for (const { name, obstacle, make } of lastingStores) {
  const title = `the same holds over 60 kills with the state in ${name}`;
  (obstacle === undefined ? test : test.skip)(
    obstacle === undefined ? title : `${title}: ${obstacle}`,
    async () => {
      await using stores = await make();
      const history = await PlayedHistory.begin(4711, async () => stores.open());
      while (history.kills < 60) {
        await history.step();
      }
      await history.finish();
    },
    120_000,
  );
}
