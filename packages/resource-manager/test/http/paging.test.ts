import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { granted, node, request, Waiter } from '../cluster/test-cluster.ts';
import { testApi, tokens, type TestApi } from './test-api.ts';

let api: TestApi;
beforeEach(async () => {
  api = await testApi();
});
afterEach(async () => {
  await api.app.close();
});

/** The address of the next page. */
function nextOf({ link }: Readonly<Record<string, unknown>>): string | undefined {
  return typeof link === 'string' ? /^<(.*)>; rel="next"$/.exec(link)?.[1] : undefined;
}

describe('lists', () => {
  const names = Array.from({ length: 25 }, (_, index) => `n${String(index).padStart(2, '0')}`);
  beforeEach(() => {
    for (const name of [...names].reverse()) api.world.cluster.register(node(name), 1n);
  });

  const namesOf = (body: unknown): string[] => (body as { name: string }[]).map(({ name }) => name);

  test('come in pages that follow each other, each item once, whatever comes and goes', async () => {
    const seen: string[] = [];
    let path: string | undefined = '/nodes?limit=10';
    let pages = 0;
    while (path !== undefined) {
      const { status, headers, body } = await api.ask('GET', path);
      expect(status).toBe(200);
      seen.push(...namesOf(body));
      path = nextOf(headers);
      pages += 1;
      if (pages === 1) {
        expect(headers['x-total-count']).toBe('25');
        api.world.cluster.drainNode('n03', 0, true);
        api.world.cluster.drainNode('n09', 0, true);
        api.world.cluster.register(node('n05b'), 1n);
        api.world.cluster.register(node('n15b'), 1n);
      }
    }
    expect(pages).toBe(3);
    expect(seen).toEqual([...names, 'n15b'].sort());
  });

  test('are whole and in their own order without that', async () => {
    const { headers, body } = await api.ask('GET', '/nodes');
    expect(namesOf(body)).toEqual([...names].reverse());
    expect(headers).toMatchObject({ 'x-total-count': '25' });
    expect(headers['link']).toBeUndefined();
  });

  test('can be searched by names and states; nodes also by tenants that the caller may see', async () => {
    granted(api.world, request(1, { node: 'n07' }), 'Alice');
    expect(namesOf((await api.ask('GET', '/nodes?match=N1')).body)).toEqual(names.slice(10, 20).reverse());
    expect(namesOf((await api.ask('GET', '/nodes?match=alice')).body)).toEqual(['n07']);
    const asBob = { token: tokens.tenant('bob') };
    expect((await api.ask('GET', '/nodes?match=alice', asBob)).body).toEqual([]);
    expect((await api.ask('GET', '/leases?match=n07')).body).toMatchObject([{ tenant: 'Alice' }]);
    expect((await api.ask('GET', '/leases?match=n08')).body).toEqual([]);
    expect((await api.ask('GET', '/tenants?match=lic')).body).toMatchObject([{ name: 'Alice' }]);
  });

  test('of those who wait are in the order in which these came', async () => {
    for (const tenant of ['c', 'a', 'b']) {
      api.world.now += 1;
      api.world.cluster.request(tenant, 1, request(4, { node: 'n00', queueMs: 5000 }), new Waiter());
      if (tenant === 'c') {
        api.world.cluster.request('d', 1, request(4, { node: 'n00', queueMs: 5000 }), new Waiter());
      }
    }
    const tenantsOf = (body: unknown): string[] => (body as { tenant: string }[]).map(({ tenant }) => tenant);
    const first = await api.ask('GET', '/queue?limit=2');
    expect(tenantsOf(first.body)).toEqual(['d', 'a']);
    const next = nextOf(first.headers) ?? '';
    expect(tenantsOf((await api.ask('GET', next)).body)).toEqual(['b']);
  });

  test.each(['limit=0', 'limit=10001', 'limit=ten', 'limit=1.5', 'after=', 'offset=3'])(
    'refuse what they do not understand: %s',
    async (query) => {
      for (const list of ['nodes', 'leases', 'queue', 'tenants']) {
        expect((await api.ask('GET', `/${list}?${query}`)).status).toBe(400);
      }
    },
  );
});
