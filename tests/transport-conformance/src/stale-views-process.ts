import { openTransport } from '@rfaas/rdmalib';
import { readFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';

/*
 * Runs with --expose-gc. Views of closed regions and closed endpoints are kept, dropped, collected and read at random;
 * prints how many mappings are left over in the end. Reading memory that was released too early would crash.
 */
const url = process.argv[2] ?? 'shm://0';
const collect = (globalThis as unknown as { gc: () => void }).gc;

function mappings(): number {
  return readFileSync('/proc/self/maps', 'utf8').split('\n').length;
}

async function round(kept: Uint8Array[]): Promise<void> {
  await using transport = openTransport(url);
  using domain = transport.openProtectionDomain();
  for (let index = 0; index < 20; index += 1) {
    using region = domain.allocateMemory({ byteLength: 70_000, access: ['local-write'], guardPage: true });
    region.bytes.fill(index + 1);
    // A part keeps the whole mapped, also when the region's own view is gone.
    kept.push(region.bytes.subarray(60_000, 60_010));
  }
}

const kept: Uint8Array[] = [];
await round(kept);
kept.length = 0;
collect();
await turn();
const before = mappings();
for (let times = 0; times < 30; times += 1) {
  await round(kept);
  collect();
  await turn();
  if (kept.some((view) => view.some((byte) => byte !== 0))) {
    throw new Error('a stale view shows something else than zeros');
  }
  kept.splice(0, times % 2 === 0 ? kept.length : 10);
}
kept.length = 0;
// Finalizers run in a later turn; two collections, since a mapping is held by its buffer.
for (let times = 0; times < 5; times += 1) {
  collect();
  await turn();
}
process.stdout.write(`${mappings() - before}\n`);
