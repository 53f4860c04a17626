import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { MemoryStore } from '../../src/store/memory-store.ts';
import { SqliteStore } from '../../src/store/sqlite-store.ts';
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

test('the same holds over 60 kills with the state in a file', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'rfaas-history-'));
  try {
    const open = (): Promise<SqliteStore> => Promise.resolve(SqliteStore.open(join(directory, 'state.db')));
    const history = await PlayedHistory.begin(4711, open);
    while (history.kills < 60) {
      await history.step();
    }
    await history.finish();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}, 60_000);
