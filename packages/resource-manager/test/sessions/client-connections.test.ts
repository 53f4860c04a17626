import {
  deriveLeaseKey,
  deriveNodeKey,
  generateKey,
  open,
  refusalError,
  verifyLease,
  type OutgoingMessage,
} from '@rfaas/core';
import { describe, expect, test } from '@jest/globals';
import { node } from '../cluster/test-cluster.ts';
import { TestManager } from './test-manager.ts';

const leaseRequest = (cores: number, wanted = ''): OutgoingMessage => ({
  kind: 'lease-request',
  cores,
  memoryMiB: 16,
  gpus: 0,
  durationMs: 60_000,
  node: wanted,
});

describe('a client', () => {
  test('gets a lease that its node verifies, and the key of that lease', async () => {
    await using world = await TestManager.start();
    await using _node = await world.registeredNode('n1', 4, 77n);
    const { peer, sessionKey } = await world.client('alice');
    await using client = peer;
    const granted = await client.ask(leaseRequest(2), 9);
    if (granted?.kind !== 'lease-granted') {
      throw new Error(`expected a lease, got ${JSON.stringify(granted)}`);
    }
    expect(granted).toMatchObject({ correlation: 9, node: 'n1', url: 'shm://4711', cores: 2, memoryMiB: 16 });
    const nodeKey = deriveNodeKey(world.clusterKey, 'n1');
    const here = { nodeName: 'n1', incarnation: 77n, now: Date.now() };
    expect(verifyLease(nodeKey, granted.token, here)).toMatchObject({
      ok: true,
      lease: { leaseId: granted.leaseId, tenant: 'alice', cores: 2, expiry: granted.expiry },
    });
    expect(open(sessionKey, granted.sealedKey, granted.leaseId)).toEqual(
      deriveLeaseKey(nodeKey, granted.leaseId, granted.generation),
    );
  });

  test.each([
    ['more cores than exist', leaseRequest(5), 'RFAAS_ERR_NO_CAPACITY', /5 cores/],
    ['zero cores', leaseRequest(0), 'RFAAS_ERR_USAGE', /at least 1 core/],
    ['a node that is not there', leaseRequest(1, 'n9'), 'RFAAS_ERR_NODE_UNKNOWN', /"n9"/],
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
    expect(await client.ask(leaseRequest(4))).toMatchObject({ kind: 'lease-granted' });
  });

  test('releases a lease: the answer waits for the node and has its bill', async () => {
    await using world = await TestManager.start();
    await using manager = await world.registeredNode('n1', 2);
    const { peer } = await world.client();
    await using client = peer;
    const granted = await client.ask(leaseRequest(2));
    if (granted?.kind !== 'lease-granted') {
      throw new Error('expected a lease');
    }
    const { leaseId } = granted;
    await client.send({ kind: 'lease-release', leaseId }, 5);
    expect(await manager.receive()).toMatchObject({ kind: 'lease-end', leaseId, reason: 'released' });
    const counts = { coreNanoseconds: 9, hotPollingNs: 2, executionNs: 3, invocations: 4 };
    const allocationId = 'e'.repeat(32);
    await manager.send({ kind: 'usage-report', leaseId, allocationId, sequence: 1, final: true, ...counts });
    await manager.send({ kind: 'lease-ended', leaseId });
    const usage = { allocations: 1, ...counts };
    expect(await client.receive()).toEqual({ kind: 'lease-released', correlation: 5, leaseId, usage });
    expect(await client.ask({ kind: 'usage-request', leaseId })).toMatchObject({ kind: 'usage', usage });
    expect(await client.ask(leaseRequest(2))).toMatchObject({ kind: 'lease-granted' });
  });

  test('cannot touch the lease of another tenant', async () => {
    await using world = await TestManager.start({}, [node('n1')]);
    await using alice = (await world.client('alice')).peer;
    await using bob = (await world.client('bob')).peer;
    const granted = await alice.ask(leaseRequest(1));
    const leaseId = granted?.kind === 'lease-granted' ? granted.leaseId : '';
    expect(await bob.ask({ kind: 'lease-release', leaseId })).toMatchObject({ kind: 'refused', code: 7 });
    expect(await bob.ask({ kind: 'usage-request', leaseId })).toMatchObject({ kind: 'refused', code: 7 });
  });

  test('that goes away gives its leases back, others keep theirs', async () => {
    await using world = await TestManager.start();
    await using manager = await world.registeredNode('n1', 4);
    await using alice = (await world.client('alice')).peer;
    await using bob = (await world.client('bob')).peer;
    const mine = await alice.ask(leaseRequest(1));
    await bob.ask(leaseRequest(1));
    await alice[Symbol.asyncDispose]();
    const leaseId = mine?.kind === 'lease-granted' ? mine.leaseId : '';
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
      const nodes = answers.map((answer) => (answer?.kind === 'lease-granted' ? answer.node : 'refused'));
      expect(nodes.sort()).toEqual(['n1', 'n1', 'n2', 'n2', 'refused']);
    } finally {
      await Promise.all(clients.map(({ peer }) => peer[Symbol.asyncDispose]()));
    }
  });

  test('that expires keeps nothing: its node is told', async () => {
    await using world = await TestManager.start({ lease_skew_ms: 0 });
    await using manager = await world.registeredNode('n1', 1);
    await using client = (await world.client()).peer;
    const granted = await client.ask({ ...leaseRequest(1), durationMs: 50 } as OutgoingMessage);
    expect(granted?.kind).toBe('lease-granted');
    expect(await manager.receive()).toMatchObject({ kind: 'lease-end', reason: 'expired' });
  });
});
