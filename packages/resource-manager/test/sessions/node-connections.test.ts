import { generateKey, refusalError, type Message, type RfaasError } from '@rfaas/core';
import { describe, expect, test } from '@jest/globals';
import { node } from '../cluster/test-cluster.ts';
import { leaseRequest, registration, TestManager } from './test-manager.ts';

function refusal(message: Message | undefined): RfaasError {
  if (message?.kind !== 'refused') {
    throw new Error(`expected a refusal, got ${JSON.stringify(message?.kind)}`);
  }
  return refusalError(message);
}

describe('an executor manager', () => {
  test('registers its node', async () => {
    await using world = await TestManager.start();
    await using _manager = await world.registeredNode('n1', 3, 5n);
    expect(await world.get('/nodes')).toMatchObject([
      { name: 'n1', url: 'shm://4711', state: 'connected', cores: 3, freeCores: 3, incarnation: '5' },
    ]);
  });

  test('takes over a node that was preloaded', async () => {
    await using world = await TestManager.start({}, [node('n1', 2)]);
    expect(await world.get('/nodes')).toMatchObject([{ name: 'n1', state: 'unverified', cores: 2 }]);
    await using _manager = await world.registeredNode('n1', 8);
    expect(await world.get('/nodes')).toMatchObject([{ name: 'n1', state: 'connected', cores: 8 }]);
  });

  test('of a name that is connected is refused, and comes in once the first is gone', async () => {
    await using world = await TestManager.start();
    const first = await world.registeredNode('n1', 4, 1n);
    await using second = await world.node('n1');
    const refused = refusal(await second.ask(registration('n1', { incarnation: 2n })));
    expect(refused).toMatchObject({
      code: 'RFAAS_ERR_NODE_EXISTS',
      message: expect.stringContaining('"n1"'),
    });
    expect(await second.receive()).toBeUndefined();
    expect(await world.get('/nodes')).toMatchObject([{ state: 'connected', incarnation: '1' }]);

    await first[Symbol.asyncDispose]();
    await using third = await reconnect(world, 2n);
    expect(third).toBeDefined();
    expect(await world.get('/nodes')).toMatchObject([{ state: 'connected', incarnation: '2' }]);
  });

  test('with a wrong key gets in nowhere', async () => {
    await using world = await TestManager.start();
    await expect(world.node('n1', generateKey())).rejects.toMatchObject({ code: 'RFAAS_ERR_UNAUTHORISED' });
  });

  test.each([
    ['under the name of another', registration('n2'), 'RFAAS_ERR_UNAUTHORISED'],
    ['without cores', registration('n1', { cores: 0 }), 'RFAAS_ERR_USAGE'],
    ['with more cores than any host has', registration('n1', { cores: 2 ** 31 }), 'RFAAS_ERR_USAGE'],
    ['without an incarnation', registration('n1', { incarnation: 0n }), 'RFAAS_ERR_USAGE'],
    ['at no address', registration('n1', { url: 'nonsense' }), 'RFAAS_ERR_USAGE'],
  ])('cannot register %s', async (_what, message, code) => {
    await using world = await TestManager.start();
    await using manager = await world.node('n1');
    expect(refusal(await manager.ask(message))).toMatchObject({ code });
    expect(await manager.receive()).toBeUndefined();
    expect(await world.get('/nodes')).toEqual([]);
  });

  test('that goes away takes its leases along', async () => {
    await using world = await TestManager.start();
    const manager = await world.registeredNode('n1', 4, 1n);
    await using client = (await world.client()).peer;
    await world.lease(client, leaseRequest(1));
    await manager[Symbol.asyncDispose]();
    await using _again = await reconnect(world, 2n);
    expect(await world.get('/leases')).toEqual([]);
    expect(await world.get('/nodes')).toMatchObject([{ freeCores: 4 }]);
  });

  test('that only lost its connection is told to end the leases that ended meanwhile', async () => {
    await using world = await TestManager.start();
    const manager = await world.registeredNode('n1', 4, 1n);
    await using client = (await world.client()).peer;
    const { leaseId } = (await world.lease(client, leaseRequest(1))).granted;
    await manager[Symbol.asyncDispose]();
    await client.send({ kind: 'lease-release', leaseId }, 5);
    expect(await client.receive()).toMatchObject({ kind: 'lease-released' });
    await using again = await world.registeredNode('n1');
    expect(await again.receive()).toMatchObject({ kind: 'lease-end', leaseId, reason: 'released' });
    await again.send({ kind: 'lease-ended', leaseId });
    // The two connections are independent: the request may overtake the confirmation, and then waits for it.
    await client.send(leaseRequest(4, { queueMs: 10_000 }), 7);
    const heard: (string | undefined)[] = [];
    while (heard.at(-1) !== 'lease-granted') {
      heard.push((await client.receive())?.kind);
    }
  });

  test('that stays away is suspect, then lost: its leases end', async () => {
    await using world = await TestManager.start({ node_timeout_ms: 100 });
    const manager = await world.registeredNode('n1');
    await using client = (await world.client()).peer;
    await world.lease(client, leaseRequest(1));
    await manager[Symbol.asyncDispose]();
    const state = async (): Promise<string> =>
      ((await world.get('/nodes')) as { state: string }[])[0]?.state ?? '';
    expect(await retried(state, 'suspect')).toBe('suspect');
    expect(await retried(state, 'lost')).toBe('lost');
    expect(await world.get('/leases')).toMatchObject([{ state: 'ending', reason: 'node-lost' }]);
  });

  test('is removed over HTTP: it is told to end its leases, and its connection is closed', async () => {
    await using world = await TestManager.start();
    await using manager = await world.registeredNode('n1');
    await using client = (await world.client()).peer;
    await world.lease(client, leaseRequest(1));
    const response = await fetch(new URL('/remove?node=n1', world.manager.httpUrl), { method: 'POST' });
    expect(response.status).toBe(200);
    expect(await manager.receive()).toMatchObject({ kind: 'node-drain', graceMs: 0 });
    const told = await manager.receive();
    expect(told).toMatchObject({ kind: 'lease-end', reason: 'node-drained' });
    await manager.send({ kind: 'lease-ended', leaseId: told?.kind === 'lease-end' ? told.leaseId : '' });
    expect(await manager.receive()).toBeUndefined();
    expect(await world.get('/nodes')).toEqual([]);
  });
});

/** Registers again as soon as the resource manager has noticed that the connection before is gone. */
async function reconnect(world: TestManager, incarnation: bigint): ReturnType<TestManager['registeredNode']> {
  let peer: Awaited<ReturnType<TestManager['registeredNode']>> | undefined;
  await retried(async () => {
    try {
      peer = await world.registeredNode('n1', 4, incarnation);
      return 'registered';
    } catch (error) {
      return String(error);
    }
  }, 'registered');
  if (peer === undefined) {
    throw new Error('the resource manager did not notice that the node was gone');
  }
  return peer;
}

/** Repeats an action that takes a round trip until it has the wanted outcome; its last outcome. */
async function retried(
  action: () => Promise<string | undefined>,
  wanted: string,
): Promise<string | undefined> {
  let outcome = await action();
  for (let attempt = 0; attempt < 200 && outcome !== wanted; attempt += 1) {
    outcome = await action();
  }
  return outcome;
}
