import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { registerNode } from '@rfaas/executor-manager';
import { openTransport, parseTransportUrl } from '@rfaas/rdmalib';
import { compileFunctionLibrary, type CompiledLibrary } from '../support/compile-function-library.ts';
import { LocalCluster } from '../support/local-cluster.ts';
import { until } from '../support/processes.ts';
import { testTransport } from '../support/test-transport.ts';

let library: CompiledLibrary;

beforeAll(async () => {
  library = await compileFunctionLibrary({ file: 'test-functions.c' });
}, 60_000);

afterAll(async () => library?.[Symbol.asyncDispose]());

async function ask(cluster: LocalCluster, path: string, init: RequestInit = {}): Promise<unknown> {
  const token = (await readFile(cluster.tokenFile, 'utf8')).trim();
  const url = new URL(path, String(cluster.resourceManager.ready['httpUrl']));
  const response = await fetch(url, { ...init, headers: { authorization: `Bearer ${token}` } });
  expect(response.ok).toBe(true);
  return response.json();
}

test('a node that is said to have more cores than it has gives no more than it has, and is corrected when it registers', async () => {
  await using cluster = await LocalCluster.create();
  // Started without a resource manager, and announced by somebody who exaggerates.
  const lonely = await cluster.startNode('braggart', { cores: 1 });
  await cluster.startResourceManager({ drain_grace_ms: 0 });
  const { host, port } = parseTransportUrl(lonely.url);
  const body = JSON.stringify({ ip_address: host, port, cores: 8, memory: 4096 });
  await ask(cluster, '/add?node=braggart', { method: 'POST', body });
  await using client = await cluster.connect();
  const lease = await client.lease({ cores: 8, memoryMiB: 1024 });
  await expect(lease.allocate({ library: library.path }, { hotTimeout: 0 })).rejects.toMatchObject({
    code: 'RFAAS_ERR_NO_CAPACITY',
    message: expect.stringMatching(/8 cores/),
  });
  // What there is can be used all the same.
  {
    await using executor = await lease.allocate({ library: library.path }, { cores: 1, hotTimeout: 0 });
    expect([...(await executor.invoke('echo', Uint8Array.of(1)))]).toEqual([1]);
  }
  await lonely.stop();
  await cluster.startNode('braggart', { cores: 1 });
  expect(await ask(cluster, '/nodes')).toMatchObject([{ cores: 1, freeCores: 0 }]);
  await lease.release();
  expect(await ask(cluster, '/nodes')).toMatchObject([{ cores: 1, freeCores: 1 }]);
  await expect(client.lease({ cores: 2 })).rejects.toMatchObject({ code: 'RFAAS_ERR_NO_CAPACITY' });
}, 60_000);

test('a node with an address that it does not answer on costs its clients an error that names it, and nobody else anything', async () => {
  await using cluster = await LocalCluster.create();
  await cluster.startResourceManager({ node_timeout_ms: 1000, lease_skew_ms: 0 });
  const gone = await cluster.startNode('gone', { cores: 1 });
  const nowhere = gone.url;
  await gone.stop();
  const transport = openTransport(testTransport);
  try {
    const registration = {
      name: 'unreachable',
      url: nowhere,
      cores: 2,
      memoryMiB: 1024,
      gpus: 0,
      incarnation: 7n,
      labels: '',
      oversubscription: 100,
    };
    const offer = {
      nodeKey: cluster.nodeKey('unreachable'),
      registration,
      held: [],
      peerTimeoutMs: 15_000,
      take: (): void => undefined,
    };
    const { url } = cluster.resourceManager;
    const signal = AbortSignal.timeout(20_000);
    const channel = await registerNode(transport.openProtectionDomain(), url, offer, signal);
    await cluster.startNode('node-0', { cores: 2 });
    await using client = await cluster.connect();
    const stuck = await client.lease({ cores: 1, node: 'unreachable' });
    await expect(stuck.allocate({ library: library.path }, { hotTimeout: 0 })).rejects.toMatchObject({
      code: 'RFAAS_ERR_MANAGER_LOST',
      message: expect.stringContaining(nowhere),
    });
    const fine = await client.lease({ cores: 2, node: 'node-0' });
    await using executor = await fine.allocate({ library: library.path }, { hotTimeout: 0 });
    expect([...(await executor.invoke('echo', Uint8Array.of(1)))]).toEqual([1]);
    // It never confirms that nothing runs there: its cores are not given to others while it is connected.
    await stuck.release();
    expect(await ask(cluster, '/nodes/unreachable')).toMatchObject({ freeCores: 1, state: 'connected' });
    await channel.close();
    await until('it is lost', async () => {
      const { state } = (await ask(cluster, '/nodes/unreachable')) as { state: string };
      return state === 'lost';
    });
  } finally {
    await transport.close();
  }
}, 60_000);
