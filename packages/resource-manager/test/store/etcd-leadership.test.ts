import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { generateKey } from '@rfaas/core';
import { etcdObstacle, LocalEtcd } from '../../../../benchmarks/src/programs/local-etcd.ts';
import type { Following } from '../../src/leadership/leadership.ts';
import { EtcdLeadership, type EtcdLeadershipOptions } from '../../src/store/etcd/etcd-leadership.ts';
import { loadState } from '../../src/store/load-state.ts';
import type { StateStore } from '../../src/store/state-store.ts';
import { beginTerm, etcdOptions } from './test-stores.ts';

const title =
  etcdObstacle === undefined ? 'several managers over one etcd' : `several managers: ${etcdObstacle}`;
const deadline = (): AbortSignal => AbortSignal.timeout(20_000);
let prefixes = 0;

(etcdObstacle === undefined ? describe : describe.skip)(title, () => {
  let server: LocalEtcd;
  beforeAll(async () => {
    server = await LocalEtcd.start();
  }, 60_000);
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
  });

  /** Managers of one cluster, under a prefix of their own. */
  function managersOf(more: Partial<EtcdLeadershipOptions> = {}): {
    readonly next: (other?: Partial<EtcdLeadershipOptions>) => EtcdLeadership;
    readonly prefix: string;
    [Symbol.asyncDispose](): Promise<void>;
  } {
    prefixes += 1;
    const prefix = `cluster-${prefixes}/`;
    const options = etcdOptions(server, { prefix, clusterKey: generateKey(), ...more });
    const all: EtcdLeadership[] = [];
    return {
      prefix,
      next: (other = {}) => {
        all.push(new EtcdLeadership({ ...options, ...other }));
        return all.at(-1)!;
      },
      [Symbol.asyncDispose]: async () => {
        for (const each of all) await each.close();
      },
    };
  }

  test('one leads, the others know who; when it resigns the next one leads at once and has its rows', async () => {
    await using managers = managersOf();
    const first = await beginTerm(managers.next(), 'first');
    await first.store.commit([{ key: 'a', value: '1' }]);
    const second = managers.next();
    await second.prepare();
    const self = { name: 'second', url: 'shm://2', httpUrl: 'http://2' };
    let follows: (following: Following) => void = () => undefined;
    const following = new Promise<Following>((resolve) => {
      follows = resolve;
    });
    const beginning = second.begin(self, (news) => follows(news), deadline());
    expect(await following).toMatchObject({ leader: { name: 'first', url: 'shm://first' } });
    await first.resign();
    const term = await beginning;
    expect(await rowsOf(term.store)).toEqual(['a=1']);
    expect(await first.ended).toMatchObject({ code: 'RFAAS_ERR_NOT_LEADER' });
    await expect(first.store.confirm()).rejects.toMatchObject({ code: 'RFAAS_ERR_NOT_LEADER' });
    await term.resign();
  }, 30_000);

  test('after its term a leader writes nothing, also where it believes that it leads', async () => {
    await using managers = managersOf();
    // An hour: this one finds out by nothing but what etcd answers.
    const first = await beginTerm(managers.next({ leaseSeconds: 3600 }), 'first');
    await first.store.commit([{ key: 'a', value: 'first' }]);
    await server.ask('kv/deleterange', { key: Buffer.from(`${managers.prefix}leader`).toString('base64') });
    const second = await beginTerm(managers.next(), 'second');
    await second.store.commit([{ key: 'a', value: 'second' }]);
    await expect(first.store.commit([{ key: 'a', value: 'first again' }])).rejects.toMatchObject({
      code: 'RFAAS_ERR_NOT_LEADER',
      message: expect.stringContaining('another one leads'),
    });
    expect(await first.ended).toMatchObject({ code: 'RFAAS_ERR_NOT_LEADER' });
    expect(await rowsOf(second.store)).toEqual(['a=second']);
    await second.resign();
  }, 30_000);

  test('a leader of which etcd hears nothing is over after its lease, and the next one begins', async () => {
    await using managers = managersOf();
    const gone = managers.next({ leaseSeconds: 2 });
    const term = await beginTerm(gone, 'gone');
    // Nothing of it reaches etcd any more, as after a kill.
    await gone.close();
    const next = await beginTerm(managers.next(), 'next');
    expect(await term.ended).toMatchObject({ code: 'RFAAS_ERR_NOT_LEADER' });
    await next.store.commit([{ key: 'a', value: '1' }]);
    await next.resign();
  }, 30_000);

  test('changes of which only the journal was written are carried out by the next leader', async () => {
    await using managers = managersOf();
    const rows = Array.from({ length: 500 }, (_, index) => ({ key: `row/${index}`, value: String(index) }));
    const first = await beginTerm(managers.next(), 'first');
    await first.store.commit(rows);
    await first.store.commit(rows.map(({ key }) => ({ key, value: undefined })));
    await first.resign();
    const journal = JSON.stringify(rows.map(({ key, value }) => [key, value]));
    await server.put(`${managers.prefix}journal/0`, journal);
    await server.put(`${managers.prefix}journal`, '1');
    const second = await beginTerm(managers.next(), 'second');
    expect((await rowsOf(second.store)).length).toBe(500);
    await second.store.commit([{ key: 'row/0', value: undefined }]);
    await second.resign();
    const third = await beginTerm(managers.next(), 'third');
    expect((await rowsOf(third.store)).length).toBe(499);
    await third.resign();
    await server.put(`${managers.prefix}journal`, '2');
    await expect(beginTerm(managers.next(), 'fourth')).rejects.toMatchObject({
      code: 'RFAAS_ERR_STORE',
      message: expect.stringMatching(/journal\/1.*damaged or missing.*restore a snapshot/),
    });
  }, 30_000);

  test('a cluster with another key is kept out, and told what to do', async () => {
    await using managers = managersOf();
    await managers.next().prepare();
    await expect(managers.next({ clusterKey: generateKey() }).prepare()).rejects.toMatchObject({
      code: 'RFAAS_ERR_STORE',
      message: expect.stringMatching(/another key.*cluster_key_file.*another "prefix"/),
    });
    await managers.next({ prefix: `${managers.prefix}beside/`, clusterKey: generateKey() }).prepare();
  }, 30_000);

  test.each([
    ['of another release', '{"format":99,"cluster":"x"}', /format 99, this release knows 1/],
    ['damaged', '{"format":', /damaged "cluster-\d+\/layout".*Nothing was changed.*etcdctl del --prefix/],
  ])('a layout that is %s is refused', async (_what, value, message) => {
    await using managers = managersOf();
    await server.put(`${managers.prefix}layout`, value);
    await expect(managers.next().prepare()).rejects.toMatchObject({
      code: 'RFAAS_ERR_STORE',
      message: expect.stringMatching(message),
    });
  });

  test('rows without a layout are refused', async () => {
    await using managers = managersOf();
    await server.put(`${managers.prefix}rows/lease/1`, '{}');
    await expect(managers.next().prepare()).rejects.toMatchObject({
      message: expect.stringMatching(/has 1 rows and no "cluster-\d+\/layout"/),
    });
  });

  test('a layout that changes while one waits is noticed before it leads', async () => {
    await using managers = managersOf();
    const waiting = managers.next();
    await waiting.prepare();
    await server.put(`${managers.prefix}layout`, '{"format":2,"cluster":"x"}');
    const self = { name: 'a', url: 'shm://1', httpUrl: 'http://1' };
    await expect(waiting.begin(self, () => undefined, deadline())).rejects.toMatchObject({
      message: expect.stringMatching(/format 2/),
    });
  });

  test.each([
    ['no JSON', 'nonsense', /row "lease\/1" .* is damaged, or of another release \(it is no JSON\)/],
    ['a packed value that is cut off', 'xcut', /value of ".*rows\/lease\/1" in etcd is damaged/],
    ['something else than a lease', '{"leaseId":1}', /row "lease\/1" .* is damaged/],
  ])('a row with %s is not guessed at', async (_what, value, message) => {
    await using managers = managersOf();
    const leadership = managers.next();
    await leadership.prepare();
    await server.put(`${managers.prefix}rows/lease/1`, value);
    const term = await beginTerm(leadership);
    await expect(loadState(term.store, 0)).rejects.toMatchObject({
      code: 'RFAAS_ERR_STORE',
      message: expect.stringMatching(message),
    });
    await term.resign();
  });

  test('history is forgotten as time passes', async () => {
    await using managers = managersOf({ compactMs: 50 });
    const term = await beginTerm(managers.next());
    const before = (await server.ask('kv/range', { key: 'eA==' })) as { header: { revision: string } };
    await expect(
      (async () => {
        for (let round = 0; ; round += 1) {
          await term.store.commit([{ key: 'a', value: String(round) }]);
          await server.ask('kv/range', { key: 'eA==', revision: before.header.revision });
        }
      })(),
    ).rejects.toThrow(/compacted/);
    await term.resign();
  }, 30_000);
});

async function rowsOf(store: StateStore): Promise<readonly string[]> {
  const rows: string[] = [];
  for await (const { key, value } of store.scan('', '~')) rows.push(`${key}=${value}`);
  return rows;
}
