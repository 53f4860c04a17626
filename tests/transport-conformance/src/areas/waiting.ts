import { expect } from '@jest/globals';
import { createCompletionBatch } from '@rfaas/rdmalib';
import { received, sent, type Party } from '../party.ts';
import { waitModes, type Scene } from '../scene.ts';

const receives = async (party: Party): Promise<void> => party.side.postEmptyReceives(party.endpoint, 16);

export function waiting({ play, test, fixture, placement }: Scene): void {
  for (const mode of waitModes) {
    play(`what is there already is found (${mode})`, async ({ pair }) => {
      const { near, far } = await pair({ prepare: receives });
      await near.side.postWrite(near.endpoint, [], near.target, 0, { immediate: 1, solicited: true });
      await sent(near, 1);
      expect(await received(far, 1, mode)).toHaveLength(1);
    });

    play(`waiting ends when the time is up (${mode})`, async ({ pair }) => {
      const { near } = await pair();
      const begin = performance.now();
      expect(await near.side.take(near.receiveQueue, 1, mode, 30)).toEqual([]);
      expect(performance.now() - begin).toBeGreaterThan(25);
    });

    play(`a wait that began before is woken (${mode})`, async ({ pair }) => {
      const { near, far } = await pair({ prepare: receives, solicitedOnly: true });
      for (let round = 0; round < 20; round += 1) {
        const waited = received(far, 1, mode);
        await near.side.postWrite(near.endpoint, [], near.target, 0, { immediate: round, solicited: true });
        expect(await waited).toMatchObject([{ immediate: round }]);
        await sent(near, 1);
        await far.side.postEmptyReceives(far.endpoint, 1);
      }
    });
  }

  play('several waits in the event loop are all woken', async ({ pair }) => {
    const { near, far } = await pair({ prepare: receives });
    const waits = [1, 2, 3].map(async () => far.side.take(far.receiveQueue, 1, 'readable'));
    for (const immediate of [1, 2, 3]) {
      await near.side.postWrite(near.endpoint, [], near.target, 0, { immediate });
    }
    await Promise.race(waits);
    await sent(near, 3);
  });

  if (placement === 'in two processes') {
    return;
  }

  test('readable rejects with the reason of its signal', async () => {
    await using transport = fixture.open();
    using domain = transport.openProtectionDomain();
    using queue = domain.createCompletionQueue({ depth: 8 });
    const controller = new AbortController();
    const waited = queue.readable({ signal: controller.signal });
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(waited).rejects.toBe(reason);
    await expect(queue.readable({ signal: controller.signal })).rejects.toBe(reason);
  });

  test('interrupt makes the next spin or block return', async () => {
    await using transport = fixture.open();
    using domain = transport.openProtectionDomain();
    using queue = domain.createCompletionQueue({ depth: 8 });
    const batch = createCompletionBatch(8);
    queue.interrupt();
    expect(queue.block(batch, 60_000)).toBe(0);
    queue.interrupt();
    expect(queue.spin(batch, 60_000_000)).toBe(0);
  });

  test('closing a queue ends the waits on it', async () => {
    await using transport = fixture.open();
    using domain = transport.openProtectionDomain();
    const queue = domain.createCompletionQueue({ depth: 8 });
    const waited = queue.readable();
    queue.close();
    await expect(waited).rejects.toMatchObject({ code: 'RDMA_ERR_CLOSED' });
  });
}
