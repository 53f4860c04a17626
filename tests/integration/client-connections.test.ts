import { describe, expect, jest, test } from '@jest/globals';
import { Client } from '@rfaas/client';
import { generateKey } from '@rfaas/core';

import { LocalCluster } from '../support/local-cluster.ts';
import { patience } from '../support/patience.ts';

jest.setTimeout(30_000 * patience);

const module = {
  source: 'export const who = (_, output) => { output[0] = process.pid & 255; return 1; };',
};

describe('without a resource manager', () => {
  test('a client with the key of the node signs its own leases', async () => {
    await using cluster = await LocalCluster.create();
    const node = await cluster.startNode('solo');
    await using client = Client.direct(node.url, { nodeKey: cluster.nodeKey('solo') });
    await using lease = await client.lease({ cores: 1 });
    expect(lease.node).toBe('solo');
    const executor = await lease.allocate({ module }, { hotTimeout: 0 });
    expect((await executor.invoke('who', new Uint8Array(0))).byteLength).toBe(1);
    await executor.deallocate();
    expect(await lease.usage()).toBeUndefined();
  });

  test('another key is refused', async () => {
    await using cluster = await LocalCluster.create();
    const node = await cluster.startNode('solo');
    await using client = Client.direct(node.url, { nodeKey: generateKey() });
    await expect(client.lease({ cores: 1 })).rejects.toMatchObject({ code: 'RFAAS_ERR_UNAUTHORISED' });
  });
});

describe('several', () => {
  test('clients use one node at once', async () => {
    await using cluster = await LocalCluster.start([{ cores: 3 }]);
    const clients = await Promise.all([cluster.connect(), cluster.connect(), cluster.connect()]);
    const outputs = await Promise.all(
      clients.map(async (client) => {
        const lease = await client.lease({ cores: 1 });
        const executor = await lease.allocate({ module }, { hotTimeout: 0 });
        return executor.map(
          'who',
          Array.from({ length: 50 }, () => new Uint8Array(0)),
        );
      }),
    );
    for (const output of outputs) expect(output).toHaveLength(50);
    await Promise.all(clients.map((client) => client.close()));
  });

  test('nodes on one host are leased until each is full', async () => {
    await using cluster = await LocalCluster.start([{ cores: 1 }, { cores: 1 }]);
    await using client = await cluster.connect();
    const leases = [await client.lease({ cores: 1 }), await client.lease({ cores: 1 })];
    expect(leases.map((lease) => lease.node).sort()).toEqual(['node-0', 'node-1']);
    await expect(client.lease({ cores: 1 })).rejects.toMatchObject({ code: 'RFAAS_ERR_NO_CAPACITY' });
    const executors = await Promise.all(leases.map((lease) => lease.allocate({ module }, { hotTimeout: 0 })));
    for (const executor of executors) {
      expect((await executor.invoke('who', new Uint8Array(0))).byteLength).toBe(1);
    }
  });
});

describe('a resource manager that', () => {
  test('is not there is a clear error within a second', async () => {
    const start = performance.now();
    await expect(
      Client.connect({ resourceManager: 'shm://9', tenant: 'tester', credential: generateKey() }),
    ).rejects.toMatchObject({
      code: 'RFAAS_ERR_MANAGER_LOST',
      message: expect.stringContaining('cannot connect to the resource manager at shm://9'),
    });
    expect(performance.now() - start).toBeLessThan(1000);
  });

  test('does not know the credential refuses', async () => {
    await using cluster = await LocalCluster.create();
    const { url } = await cluster.startResourceManager();
    await expect(
      Client.connect({ resourceManager: url, tenant: 'tester', credential: generateKey() }),
    ).rejects.toMatchObject({ code: 'RFAAS_ERR_UNAUTHORISED' });
  });

  test('dies leaves running executors alone', async () => {
    await using cluster = await LocalCluster.start([{ cores: 1 }]);
    const client = await cluster.connect();
    const lease = await client.lease({ cores: 1 });
    const executor = await lease.allocate({ module }, { hotTimeout: 0 });
    cluster.resourceManager.kill('SIGKILL');
    await cluster.resourceManager.exited;
    expect((await executor.invoke('who', new Uint8Array(0))).byteLength).toBe(1);
    const refused = client.lease({ cores: 1, timeoutMs: 500 });
    await expect(refused).rejects.toMatchObject({ code: 'RFAAS_ERR_MANAGER_LOST' });
    await executor.deallocate();
    await client.close();
  });
});

test('an executor manager that dies takes its executors along, and the client hears of it', async () => {
  await using cluster = await LocalCluster.create();
  const node = await cluster.startNode('solo');
  const client = Client.direct(node.url, { nodeKey: cluster.nodeKey('solo') });
  const lease = await client.lease({ cores: 1 });
  const executor = await lease.allocate({ module }, { hotTimeout: 0 });
  node.kill('SIGKILL');
  expect(await executor.ended).toMatchObject({ code: 'RFAAS_ERR_EXECUTOR_LOST' });
  await expect(executor.invoke('who', new Uint8Array(0))).rejects.toMatchObject({
    code: 'RFAAS_ERR_EXECUTOR_LOST',
  });
  await client.close();
});
