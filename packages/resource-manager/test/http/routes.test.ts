import { silentLogger } from '@rfaas/core';
import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Hono } from 'hono';
import { createRoutes } from '../../src/http/routes.ts';
import { node, request, testCluster, type TestCluster } from '../cluster/test-cluster.ts';

const token = 'a-token-of-the-server';
let world: TestCluster;
let routes: Hono;
beforeEach(() => {
  world = testCluster();
  routes = createRoutes({
    cluster: world.cluster,
    token,
    version: '9.9.9',
    nodeUrl: (_address, port) => `shm://${port}`,
    removeNode: async (name) => world.cluster.removeNode(name),
    logger: silentLogger,
  });
});

async function ask(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }> {
  const response = await routes.request(path, {
    method,
    headers: { host: '127.0.0.1', authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

const added = { ip_address: '', port: 10_005, cores: 4, memory: 512 };

describe('GET', () => {
  test('/nodes lists nodes with what is free', async () => {
    world.cluster.register(node('a', 4, 512), 2n ** 60n);
    world.cluster.grant('alice', 1, request(1, { memoryMiB: 100 }));
    expect(await ask('GET', '/nodes')).toEqual({
      status: 200,
      body: [
        {
          name: 'a',
          url: 'shm://10001',
          state: 'connected',
          cores: 4,
          freeCores: 3,
          memoryMiB: 512,
          freeMemoryMiB: 412,
          gpus: 0,
          freeGpus: 0,
          incarnation: '1152921504606846976',
        },
      ],
    });
  });

  test('/leases lists leases with what they used', async () => {
    world.cluster.register(node('a'), 1n);
    const { lease } = world.cluster.grant('alice', 1, request(2));
    world.cluster.release('alice', lease.leaseId);
    expect(await ask('GET', '/leases')).toMatchObject({
      status: 200,
      body: [
        {
          id: lease.leaseId,
          tenant: 'alice',
          node: 'a',
          cores: 2,
          since: '1970-01-01T00:16:40.000Z',
          expiry: '1970-01-01T00:16:50.000Z',
          state: 'ending',
          reason: 'released',
          usage: { invocations: 0 },
        },
      ],
    });
  });

  test('/health says how things are', async () => {
    world.cluster.preload(node('a'));
    expect(await ask('GET', '/health')).toMatchObject({
      status: 200,
      body: { status: 'ok', version: '9.9.9', nodes: 1, connectedNodes: 0, leases: 0 },
    });
  });

  test.each(['/nodes', '/leases', '/health', '/nowhere'])(
    '%s answers nobody without the token',
    async (path) => {
      const response = await routes.request(path, { headers: { host: '127.0.0.1' } });
      expect(response.status).toBe(401);
      expect(await response.json()).toMatchObject({ error: { code: 'RFAAS_ERR_UNAUTHORISED' } });
    },
  );

  test('what is not there is not found', async () => {
    expect(await ask('GET', '/nowhere')).toMatchObject({
      status: 404,
      body: { error: { code: 'RFAAS_ERR_USAGE' } },
    });
    expect((await ask('GET', '/add?node=a')).status).toBe(404);
  });

  test('without protection everything is answered', async () => {
    const open = createRoutes({
      cluster: world.cluster,
      token: undefined,
      version: '1',
      nodeUrl: () => '',
      removeNode: async () => undefined,
      logger: silentLogger,
    });
    expect((await open.request('/nodes')).status).toBe(200);
  });
});

describe('POST', () => {
  test('/add adds a node and /remove takes it away', async () => {
    expect(await ask('POST', '/add?node=n1', added)).toEqual({ status: 200, body: { added: 'n1' } });
    expect(world.cluster.nodes()).toMatchObject([
      { name: 'n1', url: 'shm://10005', cores: 4, memoryMiB: 512, state: 'unverified' },
    ]);
    expect(await ask('POST', '/remove?node=n1')).toEqual({ status: 200, body: { removed: 'n1' } });
    expect(world.cluster.nodes()).toEqual([]);
  });

  test('/add of a name that is there is a conflict', async () => {
    await ask('POST', '/add?node=n1', added);
    expect(await ask('POST', '/add?node=n1', added)).toMatchObject({
      status: 409,
      body: { error: { code: 'RFAAS_ERR_NODE_EXISTS' } },
    });
  });

  test('/remove of a name that is not there is not found', async () => {
    expect(await ask('POST', '/remove?node=n1')).toMatchObject({
      status: 404,
      body: { error: { code: 'RFAAS_ERR_NODE_UNKNOWN' } },
    });
  });

  test.each([
    ['no name', '/add', added],
    ['an empty name', '/add?node=', added],
    ['a name with a slash', '/add?node=a%2Fb', added],
    ['another query', '/add?node=a&x=1', added],
    ['no body', '/add?node=a', undefined],
    ['a body that is not JSON', '/add?node=a', '{'],
    ['a missing key', '/add?node=a', { ...added, memory: undefined }],
    ['an unknown key', '/add?node=a', { ...added, disk: 1 }],
    ['a wrong type', '/add?node=a', { ...added, cores: '4' }],
    ['zero cores', '/add?node=a', { ...added, cores: 0 }],
    ['negative cores', '/add?node=a', { ...added, cores: -1 }],
    ['half a core', '/add?node=a', { ...added, cores: 1.5 }],
    ['zero memory', '/add?node=a', { ...added, memory: 0 }],
    ['port 0', '/add?node=a', { ...added, port: 0 }],
    ['port 65,536', '/add?node=a', { ...added, port: 65_536 }],
    ['no name to remove', '/remove', undefined],
  ])('with %s is malformed', async (_what, path, body) => {
    expect(await ask('POST', path, body)).toMatchObject({
      status: 400,
      body: { error: { code: 'RFAAS_ERR_USAGE' } },
    });
    expect(world.cluster.nodes()).toEqual([]);
  });

  test('a body that is too long is not read', async () => {
    expect(await ask('POST', '/add?node=a', ' '.repeat(20_000))).toMatchObject({
      status: 413,
      body: { error: { code: 'RFAAS_ERR_INPUT_TOO_LARGE' } },
    });
  });
});
