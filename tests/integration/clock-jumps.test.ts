import { renameSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { Client } from '@rfaas/client';
import { compileFunctionLibrary, type CompiledLibrary } from '../support/compile-function-library.ts';
import { LocalCluster } from '../support/local-cluster.ts';
import { until } from '../support/processes.ts';

const preload = fileURLToPath(new URL('../support/settable-clock.mjs', import.meta.url));
const hour = 3_600_000;
const warm = { hotTimeout: 0 };
const realNow = Date.now;

let library: CompiledLibrary;
let cluster: LocalCluster;
let client: Client;

beforeAll(async () => {
  library = await compileFunctionLibrary({ file: 'test-functions.c' });
}, 60_000);

afterAll(async () => library?.[Symbol.asyncDispose]());

beforeEach(async () => {
  cluster = await LocalCluster.create();
  setClock(0);
  const environment = [`NODE_OPTIONS=--import=${preload}`, `RFAAS_TEST_CLOCK=${cluster.files.path('clock')}`];
  await cluster.startResourceManager({}, ['env', ...environment]);
  await cluster.startNode('node-0', { cores: 4, through: ['env', ...environment] });
  client = await cluster.connect();
}, 60_000);

afterEach(async () => {
  Date.now = realNow;
  await client?.close();
  await cluster?.[Symbol.asyncDispose]();
});

/** Sets the clock of the whole host: of the servers, and of the client in this process. */
function setClock(ahead: number): void {
  // At once: a server that reads a part of a number would be at another time.
  writeFileSync(cluster.files.path('clock.new'), String(ahead));
  renameSync(cluster.files.path('clock.new'), cluster.files.path('clock'));
  Date.now = () => realNow() + ahead;
}

async function openLeases(): Promise<readonly string[]> {
  return (await leases()).map(({ id }) => id);
}

async function leases(): Promise<readonly { readonly id: string; readonly expiry: string }[]> {
  const token = (await readFile(cluster.tokenFile, 'utf8')).trim();
  const url = new URL('/leases', String(cluster.resourceManager.ready['httpUrl']));
  const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
  return (await response.json()) as { id: string; expiry: string }[];
}

test.each([
  ['forward', 2 * hour],
  ['back', -2 * hour],
])(
  'a clock that is set %s ends no lease early, lets none go on, and keeps nobody from a new one',
  async (_direction, jump) => {
    const running = await client.lease({ cores: 1, durationMs: 7000 });
    const worker = await running.allocate({ library: library.path }, warm);
    const before = performance.now();
    const ending = await client.lease({ cores: 1, durationMs: 6000, renew: false });
    const last = await ending.allocate({ library: library.path }, warm);

    setClock(jump);
    expect([...(await worker.invoke('echo', Uint8Array.of(1)))]).toEqual([1]);
    expect(await openLeases()).toEqual(expect.arrayContaining([running.id, ending.id]));
    const fresh = await client.lease({ cores: 1, durationMs: 600_000 });
    const [left = 0] = (await leases())
      .filter(({ id }) => id === fresh.id)
      .map(({ expiry }) => Date.parse(expiry) - Date.now());
    expect(left).toBeGreaterThan(500_000);
    expect(left).toBeLessThan(700_000);
    await using beginner = await fresh.allocate({ library: library.path }, warm);
    expect([...(await beginner.invoke('echo', Uint8Array.of(2)))]).toEqual([2]);

    expect(await last.ended).toMatchObject({ code: 'RFAAS_ERR_LEASE_EXPIRED' });
    expect(performance.now() - before).toBeGreaterThan(5900);
    await until('the lease is free', async () => !(await openLeases()).includes(ending.id));
    const { generation } = running;
    await until('the lease in use is renewed', () => running.generation > generation);
    expect([...(await worker.invoke('echo', Uint8Array.of(3)))]).toEqual([3]);

    setClock(0);
    const { generation: renewed } = running;
    await until('it is renewed after the clock is set right', () => running.generation > renewed);
    expect([...(await worker.invoke('echo', Uint8Array.of(4)))]).toEqual([4]);
    await running.release();
    await fresh.release();
    expect(await openLeases()).toEqual([]);
  },
  60_000,
);

test('the time that a draining node still gives is not changed by a clock that is set', async () => {
  const lease = await client.lease({ cores: 1, durationMs: 600_000 });
  const worker = await lease.allocate({ library: library.path }, warm);
  const token = (await readFile(cluster.tokenFile, 'utf8')).trim();
  const response = await fetch(
    new URL('/nodes/node-0/drain', String(cluster.resourceManager.ready['httpUrl'])),
    {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ graceMs: 1500 }),
    },
  );
  expect(response.status).toBe(200);
  setClock(-2 * hour);
  expect([...(await worker.invoke('echo', Uint8Array.of(1)))]).toEqual([1]);
  expect(await worker.ended).toMatchObject({ code: 'RFAAS_ERR_EXECUTOR_LOST' });
  await until('the node is empty', async () => (await openLeases()).length === 0);
}, 60_000);
