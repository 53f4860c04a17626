import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { generateKey } from '@rfaas/core';
import { etcdObstacle, LocalEtcd } from '../../../../benchmarks/src/programs/local-etcd.ts';
import { EtcdLeadership } from '../../src/store/etcd/etcd-leadership.ts';
import { etcdOptions } from '../store/test-stores.ts';
import { leaseRequest, TestManager } from './test-manager.ts';

const title =
  etcdObstacle === undefined ? 'several resource managers' : `several resource managers: ${etcdObstacle}`;

(etcdObstacle === undefined ? describe : describe.skip)(title, () => {
  let server: LocalEtcd;
  const clusterKey = generateKey();
  beforeAll(async () => {
    server = await LocalEtcd.start();
  }, 60_000);
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
  });

  function start(name: string, prefix: string, timeoutMs = 5000): Promise<TestManager> {
    const leadership = new EtcdLeadership(etcdOptions(server, { clusterKey, prefix, timeoutMs }));
    const config = { name, client_grace_ms: 60_000, node_timeout_ms: 60_000 };
    return TestManager.start(config, [], { leadership, clusterKey });
  }

  /** Resolves once a manager answers `GET path` with something like that. */
  async function shows(manager: TestManager, path: string, expected: object): Promise<void> {
    const end = performance.now() + 20_000;
    for (;;) {
      const answer = await manager.get(path);
      try {
        expect(answer).toMatchObject(expected);
        return;
      } catch (error) {
        if (performance.now() > end) throw error;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  test('a standby says who leads to clients, nodes and over HTTP, and takes over with all leases', async () => {
    const first = await start('first', 'take-over');
    await using second = await start('second', 'take-over');
    expect(await first.get('/health')).toMatchObject({
      role: 'leader',
      leader: { name: 'first', url: first.url },
    });
    expect(await second.get('/health')).toMatchObject({
      status: 'ok',
      role: 'standby',
      leader: { name: 'first', url: first.url, httpUrl: first.manager.httpUrl },
    });
    const elsewhere = new RegExp(`resource manager "first" at ${first.url} leads .*ask there`);
    expect(await second.get('/ready')).toEqual({ ready: false, reason: expect.stringMatching(elsewhere) });
    expect(await second.get('/nodes')).toMatchObject({
      error: { code: 'RFAAS_ERR_NOT_LEADER', message: expect.stringMatching(elsewhere) },
    });
    const refusal = { code: 'RFAAS_ERR_NOT_LEADER', message: expect.stringMatching(elsewhere) };
    await expect(second.client()).rejects.toMatchObject(refusal);
    await expect(second.node('n1')).rejects.toMatchObject(refusal);
    expect(await second.text('/metrics')).toMatch(/^rfaas_leader 0$/m);
    expect(await first.text('/metrics')).toMatch(/^rfaas_leader 1$/m);

    const node = await first.registeredNode('n1', 4);
    const client = (await first.client()).peer;
    const { granted } = await first.lease(client, leaseRequest(3));
    await first[Symbol.asyncDispose]();
    await node[Symbol.asyncDispose]();
    await client[Symbol.asyncDispose]();
    await shows(second, '/health', { role: 'leader', leases: 1, nodes: 1 });
    await using _node = await second.registeredNode('n1', 4);
    await using again = (await second.client()).peer;
    await again.send({ kind: 'lease-attach', leaseId: granted.leaseId }, 1);
    const share = await again.receive();
    expect(share).toMatchObject({ kind: 'lease-share', generation: 1, cores: 3 });
    expect(await again.receive()).toMatchObject({ kind: 'lease-granted', leaseId: granted.leaseId });
    await expect(second.lease(again, leaseRequest(2))).rejects.toMatchObject({
      code: 'RFAAS_ERR_NO_CAPACITY',
    });
    await second.lease(again, leaseRequest(1));
  }, 60_000);

  test('a leader that was replaced ends its connections and waits for its turn', async () => {
    await using first = await start('first', 'replaced');
    await using node = await first.registeredNode('n1', 1);
    await using client = (await first.client()).peer;
    await server.ask('kv/deleterange', { key: Buffer.from('replaced/leader').toString('base64') });
    await using second = await start('second', 'replaced');
    // Whatever it decides now is not stored, so nobody hears of it.
    await client.send(leaseRequest(1), 1);
    const answer = await client.receive();
    expect(answer === undefined || answer.kind === 'refused').toBe(true);
    expect(await node.receive()).toBeUndefined();
    await shows(first, '/health', { role: 'standby', leader: { name: 'second' } });
    expect(await second.get('/health')).toMatchObject({ role: 'leader', leases: 0 });
    await second[Symbol.asyncDispose]();
    await shows(first, '/health', { role: 'leader' });
  }, 60_000);

  test('a state that cannot be read ends the start, and is left to others later on', async () => {
    const first = await start('first', 'damaged');
    await using second = await start('second', 'damaged');
    await server.put('damaged/rows/lease/1', '{"leaseId":1}');
    await first[Symbol.asyncDispose]();
    const reason = expect.stringMatching(/row "lease\/1" .* is damaged/);
    await shows(second, '/ready', { ready: false, reason });
    expect(await second.get('/health')).toMatchObject({ role: 'standby' });
    await expect(start('third', 'damaged')).rejects.toMatchObject({
      code: 'RFAAS_ERR_STORE',
      message: reason,
    });
    await server.ask('kv/deleterange', { key: Buffer.from('damaged/rows/lease/1').toString('base64') });
    await shows(second, '/health', { role: 'leader' });
  }, 60_000);

  test('without etcd nothing is granted, which is said in time; with it all goes on by itself', async () => {
    await using own = await LocalEtcd.start();
    const options = etcdOptions(own, { clusterKey, timeoutMs: 1000, leaseSeconds: 5 });
    const config = { client_grace_ms: 60_000, node_timeout_ms: 60_000 };
    const parts = { leadership: new EtcdLeadership(options), clusterKey };
    await using manager = await TestManager.start(config, [], parts);
    await using _node = await manager.registeredNode('n1', 2);
    const client = (await manager.client()).peer;
    const { granted } = await manager.lease(client, leaseRequest(1));
    await own.kill();
    const refused = manager.lease(client, leaseRequest(1));
    // Refused by the leader, or its term is over and with it the connection.
    await expect(refused).rejects.toThrow(/etcd|got undefined|does not/);
    await client[Symbol.asyncDispose]();
    await shows(manager, '/ready', { ready: false, reason: expect.stringMatching(/etcd/) });
    await shows(manager, '/health', { role: 'standby', leader: null });
    await expect(manager.client()).rejects.toMatchObject({
      code: 'RFAAS_ERR_NOT_LEADER',
      message: expect.stringMatching(/no resource manager leads: .*(etcd at|lease in etcd)/),
    });
    await own.restart();
    await shows(manager, '/health', { role: 'leader', leases: 1 });
    await using again = (await manager.client()).peer;
    await again.send({ kind: 'lease-attach', leaseId: granted.leaseId }, 1);
    expect(await again.receive()).toMatchObject({ kind: 'lease-share' });
  }, 60_000);
});
