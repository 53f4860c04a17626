import { expect, test } from '@jest/globals';
import { MemoryStore } from '../../src/store/memory-store.ts';
import type { RowChange } from '../../src/store/state-store.ts';
import { leaseRequest, TestManager } from './test-manager.ts';

class FillingStore extends MemoryStore {
  isFull = false;

  override async commit(changes: readonly RowChange[]): Promise<void> {
    if (this.isFull) throw new Error('database or disk is full');
    await super.commit(changes);
  }
}

test('with a full disk no lease is granted, none is kept in secret, and all goes on once there is room', async () => {
  const store = new FillingStore();
  await using world = await TestManager.start({}, [], { store });
  await using _node = await world.registeredNode('n1', 2);
  await using client = (await world.client()).peer;
  const before = await world.lease(client, leaseRequest(1));
  store.isFull = true;
  await expect(world.lease(client, leaseRequest(1))).rejects.toMatchObject({
    code: 'RFAAS_ERR_STORE',
    message: expect.stringContaining('full'),
  });
  expect(await world.get('/leases')).toMatchObject([{ id: before.granted.leaseId }]);
  expect(await world.get('/ready')).toMatchObject({ ready: false });
  store.isFull = false;
  await world.lease(client, leaseRequest(1));
  expect(await world.get('/ready')).toMatchObject({ ready: true });
});

test('a request that is sent again, as after a lost answer, gets the same lease', async () => {
  await using world = await TestManager.start({ client_grace_ms: 10_000 });
  await using _node = await world.registeredNode('n1', 2);
  const asked = leaseRequest(1);
  const first = (await world.client()).peer;
  const { granted } = await world.lease(first, asked);
  await first[Symbol.asyncDispose]();
  await using second = (await world.client()).peer;
  const again = await world.lease(second, asked);
  expect(again.granted).toMatchObject({ leaseId: granted.leaseId, generation: 1, expiry: granted.expiry });
  expect(await world.get('/nodes')).toMatchObject([{ freeCores: 1 }]);
});
