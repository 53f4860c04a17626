import { deriveLeaseKey, deriveNodeKey, generateKey, open, refusalError, verifyLease } from '@rfaas/core';
import { describe, expect, test } from '@jest/globals';
import { node } from '../cluster/test-cluster.ts';
import { leaseRequest, TestManager } from './test-manager.ts';

describe('a client', () => {
  test('gets a lease that its node verifies, and the key of that lease', async () => {
    await using world = await TestManager.start();
    await using _node = await world.registeredNode('n1', 4, 77n);
    const { peer, sessionKey } = await world.client('alice');
    await using client = peer;
    const { granted, shares } = await world.lease(client, leaseRequest(2, { memoryMiB: 16 }));
    const [share] = shares;
    if (share === undefined) {
      throw new Error('the lease has no node');
    }
    expect(granted).toMatchObject({ correlation: 1, generation: 1, shares: 1 });
    expect(share).toMatchObject({ correlation: 1, node: 'n1', url: 'shm://4711', cores: 2, memoryMiB: 16 });
    const nodeKey = deriveNodeKey(world.clusterKey, 'n1');
    const here = { nodeName: 'n1', incarnation: 77n, now: Date.now() };
    expect(verifyLease(nodeKey, share.token, here)).toMatchObject({
      ok: true,
      lease: { leaseId: granted.leaseId, tenant: 'alice', cores: 2, expiry: granted.expiry },
    });
    expect(open(sessionKey, share.sealedKey, granted.leaseId)).toEqual(
      deriveLeaseKey(nodeKey, granted.leaseId, granted.generation),
    );
  });

  test.each([
    ['more cores than exist', leaseRequest(5), 'RFAAS_ERR_NO_CAPACITY', /5 cores/],
    ['zero cores', leaseRequest(0), 'RFAAS_ERR_USAGE', /at least 1 core/],
    ['a node that is not there', leaseRequest(1, { node: 'n9' }), 'RFAAS_ERR_NODE_UNKNOWN', /"n9"/],
  ])('that asks for %s is refused and can go on', async (_what, message, code, text) => {
    await using world = await TestManager.start();
    await using _node = await world.registeredNode('n1', 4);
    const { peer } = await world.client();
    await using client = peer;
    const refused = await client.ask(message);
    if (refused?.kind !== 'refused') {
      throw new Error(`expected a refusal, got ${JSON.stringify(refused)}`);
    }
    expect(refusalError(refused)).toMatchObject({ code, message: expect.stringMatching(text) });
    expect((await world.lease(client, leaseRequest(4))).shares).toMatchObject([{ cores: 4 }]);
  });

  test('releases a lease: the answer waits for the node and has its bill', async () => {
    await using world = await TestManager.start();
    await using manager = await world.registeredNode('n1', 2);
    const { peer } = await world.client();
    await using client = peer;
    const { leaseId } = (await world.lease(client, leaseRequest(2))).granted;
    await client.send({ kind: 'lease-release', leaseId }, 5);
    expect(await manager.receive()).toMatchObject({ kind: 'lease-end', leaseId, reason: 'released' });
    const counts = {
      coreNanoseconds: 9,
      mebibyteMilliseconds: 6,
      hotPollingNs: 2,
      executionNs: 3,
      invocations: 4,
    };
    const allocationId = 'e'.repeat(32);
    await manager.send({ kind: 'usage-report', leaseId, allocationId, sequence: 1, final: true, ...counts });
    expect(await manager.receive()).toMatchObject({ kind: 'usage-taken', allocationId, sequence: 1 });
    await manager.send({ kind: 'lease-ended', leaseId });
    const usage = { allocations: 1, ...counts };
    expect(await client.receive()).toEqual({ kind: 'lease-released', correlation: 5, leaseId, usage });
    expect(await client.ask({ kind: 'usage-request', leaseId })).toMatchObject({ kind: 'usage', usage });
    await world.lease(client, leaseRequest(2));
  });

  test('cannot touch the lease of another tenant', async () => {
    await using world = await TestManager.start({}, [node('n1')]);
    await using alice = (await world.client('alice')).peer;
    await using bob = (await world.client('bob')).peer;
    const { leaseId } = (await world.lease(alice, leaseRequest(1))).granted;
    expect(await bob.ask({ kind: 'lease-release', leaseId })).toMatchObject({ kind: 'refused', code: 7 });
    expect(await bob.ask({ kind: 'usage-request', leaseId })).toMatchObject({ kind: 'refused', code: 7 });
    expect(await bob.ask({ kind: 'lease-attach', leaseId })).toMatchObject({ kind: 'refused', code: 7 });
    const renewal = { kind: 'lease-renew', leaseId, durationMs: 1000 } as const;
    expect(await bob.ask(renewal)).toMatchObject({ kind: 'refused', code: 7 });
    expect(await bob.ask(leaseRequest(1, { leaseId }))).toMatchObject({ kind: 'refused', code: 8 });
  });

  test('that goes away gives its leases back, others keep theirs', async () => {
    await using world = await TestManager.start();
    await using manager = await world.registeredNode('n1', 4);
    await using alice = (await world.client('alice')).peer;
    await using bob = (await world.client('bob')).peer;
    const { leaseId } = (await world.lease(alice, leaseRequest(1))).granted;
    await world.lease(bob, leaseRequest(1));
    await alice[Symbol.asyncDispose]();
    expect(await manager.receive()).toMatchObject({ kind: 'lease-end', leaseId, reason: 'client-gone' });
    expect(await world.get('/leases')).toMatchObject([{ id: leaseId, state: 'ending' }, { tenant: 'bob' }]);
  });

  test('with a wrong credential gets in nowhere', async () => {
    await using world = await TestManager.start();
    await expect(world.client('alice', generateKey())).rejects.toMatchObject({
      code: 'RFAAS_ERR_UNAUTHORISED',
    });
    await expect(world.client('bob', deriveNodeKey(world.clusterKey, 'bob'))).rejects.toMatchObject({
      code: 'RFAAS_ERR_UNAUTHORISED',
    });
  });

  test('leases from several nodes at once, until nothing is left', async () => {
    await using world = await TestManager.start();
    await using _one = await world.registeredNode('n1', 2);
    await using _two = await world.registeredNode('n2', 2);
    const clients = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((tenant) => world.client(tenant)));
    try {
      const answers = await Promise.all(clients.map(({ peer }) => peer.ask(leaseRequest(1))));
      const nodes = answers.map((answer) => (answer?.kind === 'lease-share' ? answer.node : 'refused'));
      expect(nodes.sort()).toEqual(['n1', 'n1', 'n2', 'n2', 'refused']);
    } finally {
      await Promise.all(clients.map(({ peer }) => peer[Symbol.asyncDispose]()));
    }
  });

  test('that expires keeps nothing: its node is told', async () => {
    await using world = await TestManager.start({ lease_skew_ms: 0 });
    await using manager = await world.registeredNode('n1', 1);
    await using client = (await world.client()).peer;
    await world.lease(client, leaseRequest(1, { durationMs: 50 }));
    expect(await manager.receive()).toMatchObject({ kind: 'lease-end', reason: 'expired' });
  });
});
