import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parseTransportUrl } from '@rfaas/rdmalib';

import { LocalCluster } from '../support/local-cluster.ts';
import { testTransportAt } from '../support/test-transport.ts';

import { spawnServer, type ServerProgram } from '../support/spawn-server.ts';

let cluster: LocalCluster;

beforeAll(async () => {
  cluster = await LocalCluster.start([{ cores: 1 }]);
}, 60_000);

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

/** What a server says when it is started with this file, and its status. */
async function startWith(program: ServerProgram, content: unknown): Promise<string> {
  const path = await cluster.files.json('wrong.json', content);
  return String(await spawnServer(program, { arguments: ['-c', path] }).then(() => 'it started', String));
}

describe.each(['rfaas-resource-manager', 'rfaas-executor-manager'] as const)('%s', (program) => {
  test('names an unknown key of its file', async () => {
    const message = await startWith(program, { config: { rdma_devise: 'rxe0' } });
    expect(message).toMatch(/status 2/);
    expect(message).toMatch(/wrong\.json[\s\S]*rdma_devise/);
  });

  test('names a value of the wrong type', async () => {
    const message = await startWith(program, { config: { rdma_device_port: 'ten' } });
    expect(message).toMatch(/status 2/);
    expect(message).toMatch(/rdma_device_port/);
  });

  test('names a file that is missing', async () => {
    const message = String(
      await spawnServer(program, { arguments: ['-c', '/nowhere/missing.json'] }).then(
        () => 'it started',
        String,
      ),
    );
    expect(message).toMatch(/status 2/);
    expect(message).toMatch(/\/nowhere\/missing\.json/);
  });
});

test('a port that is taken is named, and the first listener goes on', async () => {
  const { port } = parseTransportUrl(cluster.resourceManager.url);
  const own = await LocalCluster.create();
  await using files = own;
  await expect(files.startResourceManager({ transport: testTransportAt(port) })).rejects.toThrow(
    new RegExp(`status 1[\\s\\S]*${port}`),
  );
  await expect(files.startNode('node-9', { config: { transport: testTransportAt(port) } })).rejects.toThrow(
    new RegExp(`status 1[\\s\\S]*${port}`),
  );
  const client = await cluster.connect();
  expect((await client.lease({ cores: 1 })).cores).toBe(1);
  await client.close();
}, 40_000);

test('an HTTP port that is taken is named', async () => {
  const { port } = new URL(String(cluster.resourceManager.ready.httpUrl));
  await using own = await LocalCluster.create();
  await expect(own.startResourceManager({ http_network_port: Number(port) })).rejects.toThrow(
    new RegExp(`status 1[\\s\\S]*${port}`),
  );
}, 40_000);
