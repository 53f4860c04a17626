import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { LocalCluster } from '../support/local-cluster.ts';
import { until } from '../support/processes.ts';

const folder = mkdtempSync(join(tmpdir(), 'rfaas-small-disk-'));
const mounting = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { encoding: 'utf8' });
const obstacle =
  mounting.status === 0
    ? undefined
    : `a small disk cannot be mounted here: ${mounting.error ?? mounting.stderr}`;
const testOrSkip = obstacle === undefined ? test : test.skip;

let cluster: LocalCluster;

beforeAll(async () => {
  cluster = await LocalCluster.create();
});

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  if (obstacle === undefined) execFileSync('umount', [folder]);
  rmSync(folder, { recursive: true, force: true });
});

/** Takes all the room that there is. */
function fill(file: string): void {
  const piece = Buffer.alloc(4096);
  for (let full = false; !full;) {
    try {
      writeFileSync(file, piece, { flag: 'a' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      full = true;
    }
  }
}

async function openLeases(): Promise<readonly string[]> {
  const token = readFileSync(cluster.tokenFile, 'utf8').trim();
  const url = new URL('/leases', String(cluster.resourceManager.ready['httpUrl']));
  const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
  return ((await response.json()) as { id: string }[]).map(({ id }) => id).sort();
}

testOrSkip(
  `on a disk that is full no lease is granted that would be forgotten, and all goes on once there is room${obstacle === undefined ? '' : `: ${obstacle}`}`,
  async () => {
    const file = join(folder, 'state.db');
    const ballast = join(folder, 'ballast');
    const start = async (): Promise<unknown> =>
      cluster.startResourceManager({ state_file: file, client_grace_ms: 60_000 });
    await start();
    await cluster.startNode('node-0', { cores: 2 });
    await using client = await cluster.connect();
    const kept = await client.lease({ cores: 1 });
    fill(ballast);
    // Some changes may still fit into pages that are there already.
    await until('a lease is refused', async () => {
      const refusal = await client.lease({ cores: 1 }).then(
        async (lease) => lease.release().then(() => undefined),
        (error: unknown) => error,
      );
      if (refusal !== undefined) expect(refusal).toMatchObject({ code: 'RFAAS_ERR_STORE' });
      return refusal !== undefined;
    });
    rmSync(ballast);
    let granted = await client.lease({ cores: 1 }).catch(() => undefined);
    await until('a lease is granted again', async () => {
      granted ??= await client.lease({ cores: 1 }).catch(() => undefined);
      return granted !== undefined;
    });
    // What was acknowledged survives; what was refused does not come back.
    cluster.resourceManager.kill('SIGKILL');
    await cluster.resourceManager.exited;
    await start();
    expect(await openLeases()).toEqual([kept.id, granted?.id].sort());
  },
  90_000,
);
