import { readFile, stat } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client } from '@rfaas/client';
import { deriveTenantCredential } from '@rfaas/core';
import { parseTransportUrl } from '@rfaas/rdmalib';
import { compileFunctionLibrary, type CompiledLibrary } from '../support/compile-function-library.ts';
import { LocalCluster } from '../support/local-cluster.ts';
import { runProgram, type ProgramResult } from '../support/run-program.ts';
import { spawnServer } from '../support/spawn-server.ts';

let library: CompiledLibrary;

beforeAll(async () => {
  library = await compileFunctionLibrary({ file: 'test-functions.c' });
}, 60_000);

afterAll(async () => {
  await library?.[Symbol.asyncDispose]();
});

async function ask(cluster: LocalCluster, path: string, options: RequestInit = {}): Promise<Response> {
  const token = (await readFile(cluster.tokenFile, 'utf8')).trim();
  return fetch(new URL(path, String(cluster.resourceManager.ready['httpUrl'])), {
    ...options,
    headers: { authorization: `Bearer ${token}` },
  });
}

async function list(cluster: LocalCluster, path: string): Promise<unknown> {
  return (await ask(cluster, path)).json();
}

function connectAs(cluster: LocalCluster, tenant: string): Promise<Client> {
  const credential = deriveTenantCredential(cluster.clusterKey, tenant);
  return Client.connect({ resourceManager: cluster.resourceManager.url, tenant, credential });
}

describe('a cluster of two nodes and several tenants', () => {
  let cluster: LocalCluster;
  beforeAll(async () => {
    cluster = await LocalCluster.start([{ cores: 1 }, { cores: 1 }]);
  }, 60_000);
  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
  });

  test('leases each core once, and again when it was given back', async () => {
    await using alice = await connectAs(cluster, 'alice');
    await using bob = await connectAs(cluster, 'bob');
    const first = await alice.lease({ cores: 1 });
    const second = await bob.lease({ cores: 1 });
    expect([first.node, second.node].sort()).toEqual(['node-0', 'node-1']);
    await expect(bob.lease({ cores: 1 })).rejects.toMatchObject({ code: 'RFAAS_ERR_NO_CAPACITY' });
    await expect(bob.lease({ cores: 3 })).rejects.toThrow(/at all/);
    expect(await list(cluster, '/leases')).toMatchObject([{ tenant: 'alice' }, { tenant: 'bob' }]);
    await first.release();
    expect((await bob.lease({ cores: 1 })).node).toBe(first.node);
  }, 30_000);

  test('bills what was used, once the lease was given back', async () => {
    await using client = await connectAs(cluster, 'alice');
    const lease = await client.lease({ cores: 1 });
    {
      await using executor = await lease.allocate({ library: library.path }, { hotTimeout: 0 });
      for (let count = 0; count < 5; count += 1) {
        await executor.invoke('echo', Uint8Array.of(1, 2, 3));
      }
    }
    const usage = await lease.release();
    expect(usage).toMatchObject({ allocations: 1, invocations: 5 });
    expect(usage?.coreNanoseconds).toBeGreaterThan(0);
    expect(await list(cluster, '/leases')).toEqual([]);
  }, 30_000);

  test('lists its nodes for whoever has the token', async () => {
    expect(await list(cluster, '/nodes')).toMatchObject([
      { name: 'node-0', state: 'connected', cores: 1, freeCores: 1 },
      { name: 'node-1', state: 'connected', cores: 1, freeCores: 1 },
    ]);
    expect((await stat(cluster.tokenFile)).mode & 0o777).toBe(0o600);
    const url = new URL('/nodes', String(cluster.resourceManager.ready['httpUrl']));
    expect((await fetch(url)).status).toBe(401);
    expect((await fetch(url, { headers: { authorization: 'Bearer nonsense' } })).status).toBe(401);
  });
});

test('a node that was added over HTTP is leased before its manager has ever registered', async () => {
  await using alone = await LocalCluster.create();
  // Started without a resource manager: it verifies leases all the same.
  const node = await alone.startNode('added', { cores: 1 });
  await alone.startResourceManager({ drain_grace_ms: 0 });
  const { port } = parseTransportUrl(node.url);
  const body = JSON.stringify({ ip_address: '', port, cores: 1, memory: 512 });
  expect((await ask(alone, '/add?node=added', { method: 'POST', body })).status).toBe(200);
  expect((await ask(alone, '/add?node=added', { method: 'POST', body })).status).toBe(409);
  await using client = await alone.connect();
  const lease = await client.lease({ cores: 1, memoryMiB: 64 });
  await using executor = await lease.allocate({ library: library.path }, { hotTimeout: 0 });
  expect([...(await executor.invoke('echo', Uint8Array.of(7)))]).toEqual([7]);
  expect((await ask(alone, '/remove?node=added', { method: 'POST' })).status).toBe(200);
  expect(await list(alone, '/nodes')).toEqual([]);
}, 40_000);

test('nodes of executors_database.json are there from the start', async () => {
  await using alone = await LocalCluster.create();
  const database = await alone.files.json('executors_database.json', {
    executors: [{ node: 'exec-mgr-node', address: '', port: 10_005, cores: 3, memory: 512 }],
  });
  await alone.startResourceManager({ executors_database: database });
  expect(await list(alone, '/nodes')).toMatchObject([
    { name: 'exec-mgr-node', url: 'shm://10005', state: 'unverified', cores: 3 },
  ]);
}, 30_000);

describe('a resource manager', () => {
  test('ends with status 0 on SIGTERM, with clients and nodes connected', async () => {
    await using cluster = await LocalCluster.start([{ cores: 1 }]);
    await using client = await cluster.connect();
    const lease = await client.lease({ cores: 1 });
    await using executor = await lease.allocate({ library: library.path }, { hotTimeout: 0 });
    expect(await cluster.resourceManager.stop()).toEqual({ code: 0, signal: null });
    // Nothing of it is on the path of an invocation.
    expect([...(await executor.invoke('echo', Uint8Array.of(9)))]).toEqual([9]);
  }, 40_000);

  test('does not open HTTP to other hosts without a token that was named', async () => {
    await using cluster = await LocalCluster.create();
    const path = await cluster.files.json('open.json', {
      config: { transport: 'shm://0', http_network_address: '0.0.0.0' },
    });
    const environment = { RFAAS_HOME: cluster.files.path('home') };
    await expect(
      spawnServer('rfaas-resource-manager', { arguments: ['-c', path], environment }),
    ).rejects.toThrow(/status 2[\s\S]*http_token_file[\s\S]*--insecure/);
  }, 30_000);

  test('prints its configuration without starting', async () => {
    await using cluster = await LocalCluster.create();
    const path = await cluster.files.json('rm.json', { config: { transport: 'shm://0', 'rdma-secret': 42 } });
    const { code, output } = await command(['-c', path, '--print-config']);
    expect(code).toBe(0);
    expect(JSON.parse(output)).toMatchObject({ transport: 'shm://0', httpAddress: '127.0.0.1' });
  });
});

describe('keys', () => {
  test('are made and derived into files for their owner, and fit together', async () => {
    await using cluster = await LocalCluster.create();
    const environment = { RFAAS_HOME: cluster.files.path('home') };
    const files = [];
    for (const parameters of [['cluster'], ['node', 'node-7'], ['tenant', 'carol']]) {
      const { code, output } = await command(['keys', ...parameters], environment);
      expect(code).toBe(0);
      files.push(output.trim());
    }
    for (const file of files) {
      expect((await stat(file)).mode & 0o777).toBe(0o600);
    }
    const clusterKey = Buffer.from((await readFile(files[0]!, 'utf8')).trim(), 'hex');
    const credential = Buffer.from(deriveTenantCredential(clusterKey, 'carol')).toString('hex');
    expect((await readFile(files[2]!, 'utf8')).trim()).toBe(credential);
    expect((await command(['keys', 'tenant', 'carol', '-o', '-'], environment)).output.trim()).toBe(
      credential,
    );
  }, 30_000);

  test('are not overwritten, and bad names are refused', async () => {
    await using cluster = await LocalCluster.create();
    const environment = { RFAAS_HOME: cluster.files.path('home') };
    expect((await command(['keys', 'cluster'], environment)).code).toBe(0);
    const again = await command(['keys', 'cluster'], environment);
    expect([again.code, again.errors]).toEqual([2, expect.stringContaining('is there already')]);
    const bad = await command(['keys', 'node', '../escape'], environment);
    expect([bad.code, bad.errors]).toEqual([2, expect.stringContaining('expected letters, digits')]);
  }, 30_000);
});

function command(
  parameters: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<ProgramResult> {
  const script = 'packages/resource-manager/bin/rfaas-resource-manager.cjs';
  return runProgram(process.execPath, [script, ...parameters], { environment });
}
