import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { granted, node, request } from '../cluster/test-cluster.ts';
import { testApi, tokens, type TestApi } from './test-api.ts';

let api: TestApi;
beforeEach(async () => {
  api = await testApi();
});
afterEach(async () => {
  await api.app.close();
});

const added = { ip_address: '', port: 10_005, cores: 4, memory: 512 };
const unknownLease = '0123456789abcdef0123456789abcdef';

describe('GET', () => {
  test('/nodes lists nodes with what is free', async () => {
    api.world.cluster.register(node('a', 4, 512), 2n ** 60n);
    granted(api.world, request(1, { memoryMiB: 100 }), 'alice');
    const listed = {
      name: 'a',
      url: 'shm://10001',
      state: 'connected',
      drain: 'no',
      cores: 4,
      freeCores: 3,
      memoryMiB: 512,
      freeMemoryMiB: 412,
      gpus: 0,
      freeGpus: 0,
      leases: 1,
      incarnation: '1152921504606846976',
    };
    expect(await api.ask('GET', '/nodes')).toMatchObject({ status: 200, body: [listed] });
    expect(await api.ask('GET', '/nodes/a')).toMatchObject({ status: 200, body: listed });
  });

  test('/leases lists leases with what they hold and used', async () => {
    api.world.cluster.register(node('a'), 1n);
    const lease = granted(api.world, request(2), 'alice');
    api.world.cluster.release('alice', lease.leaseId);
    const listed = {
      id: lease.leaseId,
      tenant: 'alice',
      cores: 2,
      shares: [{ node: 'a', cores: 2, freed: false }],
      since: '1970-01-01T00:16:40.000Z',
      expiry: '1970-01-01T00:16:50.000Z',
      state: 'ending',
      reason: 'released',
      usage: { invocations: 0, coreSeconds: 0 },
    };
    expect(await api.ask('GET', '/leases')).toMatchObject({ status: 200, body: [listed] });
    expect(await api.ask('GET', `/leases/${lease.leaseId}`)).toMatchObject({ status: 200, body: listed });
    expect((await api.ask('GET', '/leases?node=b')).body).toEqual([]);
    expect((await api.ask('GET', '/leases?tenant=bob')).body).toEqual([]);
  });

  test('/tenants lists who holds what; a name that never had a lease holds nothing', async () => {
    api.world.cluster.register(node('a'), 1n);
    granted(api.world, request(1), 'alice');
    granted(api.world, request(2), 'alice');
    expect((await api.ask('GET', '/tenants')).body).toMatchObject([
      { name: 'alice', held: { cores: 3 }, leases: 2 },
    ]);
    expect((await api.ask('GET', '/tenants/bob')).body).toMatchObject({ name: 'bob', held: { cores: 0 } });
  });

  test('/health says how things are', async () => {
    api.world.cluster.preload(node('a'));
    expect(await api.ask('GET', '/health')).toMatchObject({
      status: 200,
      body: { status: 'ok', version: '9.9.9', nodes: 1, connectedNodes: 0, leases: 0 },
    });
  });

  test('/ready says why it is not', async () => {
    expect(await api.ask('GET', '/ready')).toMatchObject({ status: 200, body: { ready: true } });
    const waiting = await testApi({ unready: () => 'the store is away' });
    expect(await waiting.ask('GET', '/ready')).toMatchObject({
      status: 503,
      body: { ready: false, reason: 'the store is away' },
    });
    await waiting.app.close();
  });

  test('what is not there is not found', async () => {
    for (const [method, path, code] of [
      ['GET', '/nowhere', 'RFAAS_ERR_USAGE'],
      ['GET', '/add?node=a', 'RFAAS_ERR_USAGE'],
      ['GET', '/nodes/nobody', 'RFAAS_ERR_NODE_UNKNOWN'],
      ['GET', `/leases/${unknownLease}`, 'RFAAS_ERR_LEASE_UNKNOWN'],
      ['DELETE', `/leases/${unknownLease}`, 'RFAAS_ERR_LEASE_UNKNOWN'],
    ] as const) {
      expect(await api.ask(method, path)).toMatchObject({ status: 404, body: { error: { code } } });
    }
  });
});

test('every answer can be told apart, and is kept by no cache', async () => {
  const first = await api.ask('GET', '/health');
  expect(first.headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
  const second = await api.ask('GET', '/nowhere');
  expect(second.headers['x-request-id']).not.toBe(first.headers['x-request-id']);
  expect(second.body).toMatchObject({ error: { requestId: second.headers['x-request-id'] } });
});

describe('POST', () => {
  test('/add adds a node and /remove takes it away', async () => {
    expect(await api.ask('POST', '/add?node=n1', { body: added })).toMatchObject({
      status: 200,
      body: { added: 'n1' },
    });
    expect(api.world.cluster.views.nodes()).toMatchObject([
      { name: 'n1', url: 'shm://10005', cores: 4, memoryMiB: 512, state: 'unverified' },
    ]);
    expect(await api.ask('POST', '/remove?node=n1')).toMatchObject({
      status: 200,
      body: { removed: 'n1' },
    });
    expect(api.world.cluster.views.nodes()).toEqual([]);
  });

  test('/add of a name that is there is a conflict', async () => {
    await api.ask('POST', '/add?node=n1', { body: added });
    expect(await api.ask('POST', '/add?node=n1', { body: added })).toMatchObject({
      status: 409,
      body: { error: { code: 'RFAAS_ERR_NODE_EXISTS' } },
    });
  });

  test('/remove of a name that is not there is not found', async () => {
    expect(await api.ask('POST', '/remove?node=n1')).toMatchObject({
      status: 404,
      body: { error: { code: 'RFAAS_ERR_NODE_UNKNOWN' } },
    });
  });

  test.each([
    ['no name', '/add', added],
    ['an empty name', '/add?node=', added],
    ['a name with a slash', '/add?node=a%2Fb', added],
    ['two names', '/add?node=a&node=b', added],
    ['another query', '/add?node=a&x=1', added],
    ['no body', '/add?node=a', undefined],
    ['a body that is not JSON', '/add?node=a', '{'],
    ['a body that is a list', '/add?node=a', [added]],
    ['a body that reaches for the prototype', '/add?node=a', '{"__proto__":{"cores":4}}'],
    ['a missing key', '/add?node=a', { ...added, memory: undefined }],
    ['an unknown key', '/add?node=a', { ...added, disk: 1 }],
    ['a wrong type', '/add?node=a', { ...added, cores: '4' }],
    ['zero cores', '/add?node=a', { ...added, cores: 0 }],
    ['negative cores', '/add?node=a', { ...added, cores: -1 }],
    ['half a core', '/add?node=a', { ...added, cores: 1.5 }],
    ['more cores than there are', '/add?node=a', { ...added, cores: 1e12 }],
    ['zero memory', '/add?node=a', { ...added, memory: 0 }],
    ['port 0', '/add?node=a', { ...added, port: 0 }],
    ['port 65,536', '/add?node=a', { ...added, port: 65_536 }],
    ['no name to remove', '/remove', undefined],
    ['a grace that is no number', '/nodes/a/drain', { graceMs: 'long' }],
    ['a negative grace', '/nodes/a/drain', { graceMs: -1 }],
  ])('with %s is malformed', async (_what, path, body) => {
    expect(await api.ask('POST', path, { body })).toMatchObject({
      status: 400,
      body: { error: { code: 'RFAAS_ERR_USAGE' } },
    });
    expect(api.world.cluster.views.nodes()).toEqual([]);
  });

  test('a body that is too long is not read', async () => {
    expect(await api.ask('POST', '/add?node=a', { body: ' '.repeat(20_000) })).toMatchObject({
      status: 413,
      body: { error: { code: 'RFAAS_ERR_INPUT_TOO_LARGE' } },
    });
  });

  test.each(['not-a-lease', '0', unknownLease.toUpperCase(), `${unknownLease}00`])(
    'a lease %s cannot be',
    async (id) => {
      expect(await api.ask('DELETE', `/leases/${id}`)).toMatchObject({ status: 400 });
    },
  );
});

test('DELETE ends a lease', async () => {
  api.world.cluster.register(node('a'), 1n);
  const lease = granted(api.world, request(2), 'alice');
  expect(await api.ask('DELETE', `/leases/${lease.leaseId}`)).toMatchObject({
    status: 202,
    body: { released: lease.leaseId },
  });
  expect(api.world.told).toEqual([{ node: 'a', leaseId: lease.leaseId, reason: 'ended-by-operator' }]);
});

describe('what nodes and tenants may', () => {
  let aliceLease: string;
  let bobLease: string;
  beforeEach(() => {
    api.world.cluster.register(node('a'), 1n);
    api.world.cluster.register(node('bb'), 2n);
    aliceLease = granted(api.world, request(1, { node: 'a' }), 'alice', 1).leaseId;
    bobLease = granted(api.world, request(1, { node: 'bb' }), 'bob', 2).leaseId;
  });
  const alice = { token: tokens.tenant('alice') };
  const nodeA = { token: tokens.node('a') };

  test('a tenant sees its own leases and bills, and ends its own leases', async () => {
    expect((await api.ask('GET', '/leases', alice)).body).toMatchObject([{ id: aliceLease }]);
    expect((await api.ask('GET', '/tenants', alice)).body).toMatchObject([{ name: 'alice' }]);
    expect((await api.ask('GET', '/usage', alice)).body).toMatchObject([{ lease: aliceLease }]);
    expect((await api.ask('DELETE', `/leases/${aliceLease}`, alice)).status).toBe(202);
  });

  test("another tenant's lease is as unknown as one that never was", async () => {
    const words = (text: string): string => text.replaceAll(/[0-9a-f-]{32,36}/g, '…');
    for (const method of ['GET', 'DELETE']) {
      const others = await api.ask(method, `/leases/${bobLease}`, alice);
      const nobodys = await api.ask(method, `/leases/${unknownLease}`, alice);
      expect(others.status).toBe(404);
      expect(words(others.text)).toBe(words(nobodys.text));
    }
    expect(api.world.told).toEqual([]);
    expect((await api.ask('GET', '/leases?tenant=bob', alice)).body).toEqual([]);
  });

  test("another tenant's account is refused", async () => {
    for (const path of ['/usage?tenant=bob', '/tenants/bob']) {
      expect(await api.ask('GET', path, alice)).toMatchObject({
        status: 403,
        body: { error: { code: 'RFAAS_ERR_FORBIDDEN' } },
      });
    }
  });

  test('a node sees what runs on it, and changes itself only', async () => {
    expect((await api.ask('GET', '/leases', nodeA)).body).toMatchObject([{ id: aliceLease }]);
    expect((await api.ask('POST', '/remove?node=bb', nodeA)).status).toBe(403);
    expect((await api.ask('POST', '/add?node=c', { ...nodeA, body: added })).status).toBe(403);
    expect((await api.ask('POST', '/remove?node=a', nodeA)).status).toBe(200);
    expect(api.world.cluster.views.nodes()).toMatchObject([
      { name: 'a', drain: 'draining' },
      { name: 'bb', drain: 'no' },
    ]);
  });

  test.each([
    ['tenant', 'POST', '/remove?node=a'],
    ['tenant', 'POST', '/nodes/a/drain'],
    ['tenant', 'PUT', '/tenants/alice/limits'],
    ['node', 'DELETE', `/leases/${unknownLease}`],
    ['node', 'GET', '/tenants'],
    ['node', 'GET', '/usage'],
    ['monitor', 'POST', '/remove?node=a'],
    ['monitor', 'DELETE', `/leases/${unknownLease}`],
    ['monitor', 'PUT', '/tenants/alice/limits'],
  ])('the token of a %s is not enough for %s %s', async (role, method, path) => {
    const token = { tenant: alice.token, node: nodeA.token, monitor: tokens.monitor }[role] ?? '';
    expect(await api.ask(method, path, { token, body: {} })).toMatchObject({
      status: 403,
      body: { error: { code: 'RFAAS_ERR_FORBIDDEN' } },
    });
    expect(api.world.cluster.views.nodes()).toHaveLength(2);
  });

  test('a monitor reads everything', async () => {
    for (const path of ['/nodes', '/leases', '/queue', '/tenants', '/usage', '/health', '/ready']) {
      expect((await api.ask('GET', path, { token: tokens.monitor })).status).toBe(200);
    }
    expect((await api.ask('GET', '/leases', { token: tokens.monitor })).body).toHaveLength(2);
  });
});

test('the OpenAPI document names every route, with the token that it wants', async () => {
  const { body } = await api.ask('GET', '/openapi.json');
  expect(body).toMatchObject({
    openapi: '3.1.0',
    info: { version: '9.9.9' },
    security: [{ token: [] }],
    components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
  });
  const { paths } = body as { paths: Record<string, Record<string, { summary?: string }>> };
  expect(Object.keys(paths)).toEqual(
    expect.arrayContaining(['/nodes', '/nodes/{node}/drain', '/leases/{lease}', '/usage', '/add', '/remove']),
  );
  for (const operations of Object.values(paths)) {
    for (const operation of Object.values(operations)) {
      expect(operation.summary).toMatch(/\w{3}/);
    }
  }
});
