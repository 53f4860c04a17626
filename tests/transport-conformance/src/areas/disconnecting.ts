import { expect } from '@jest/globals';
import { setTimeout } from 'node:timers/promises';
import { connectPair, place, received, sent, type Party } from '../party.ts';
import { sideHere, sideInProcess } from '../remote-side.ts';
import { waitModes, type Scene } from '../scene.ts';

const receives = async (party: Party): Promise<void> => {
  for (let wrId = 1; wrId <= 4; wrId += 1) {
    await party.side.postReceive(party.endpoint, place(party, wrId * 64, 64), wrId);
  }
};

export function disconnecting({ play, test, fixture, placement }: Scene): void {
  play('each side learns which side ended it', async ({ pair }) => {
    const { near, far } = await pair();
    await near.side.disconnect(near.endpoint);
    expect(await near.side.disconnected(near.endpoint)).toBe('closed-locally');
    expect(await far.side.disconnected(far.endpoint)).toBe('closed-by-peer');
    expect(await near.side.state(near.endpoint)).toBe('disconnected');
    expect(await far.side.state(far.endpoint)).toBe('disconnected');
  });

  play('closing an endpoint tells the peer too', async ({ pair }) => {
    const { near, far } = await pair();
    await far.side.closeEndpoint(far.endpoint);
    expect(await near.side.disconnected(near.endpoint)).toBe('closed-by-peer');
  });

  play('what arrived before the end can still be received', async ({ pair }) => {
    const { near, far } = await pair({ prepare: receives });
    await near.side.write(near.region, 0, Uint8Array.of(123));
    await near.side.postSend(near.endpoint, [place(near, 0, 1)]);
    await sent(near, 1);
    await near.side.closeEndpoint(near.endpoint);
    expect(await far.side.disconnected(far.endpoint)).toBe('closed-by-peer');
    const [first] = await far.side.take(far.receiveQueue, 1, 'spin');
    expect(first).toMatchObject({ status: 'success', wrId: 1, byteLength: 1 });
    expect([...(await far.side.read(far.region, 64, 1))]).toEqual([123]);
  });

  for (const mode of waitModes) {
    play(`posted receives complete as flushed after the end (${mode})`, async ({ pair }) => {
      const { near, far } = await pair({ prepare: receives });
      const waited = received(far, 4, mode);
      await near.side.disconnect(near.endpoint);
      const completions = await waited;
      expect(completions.every(({ status }) => status === 'flushed')).toBe(true);
      expect(completions.map(({ wrId }) => wrId).sort()).toEqual([1, 2, 3, 4]);
    });
  }

  play('posting after the end throws', async ({ pair }) => {
    const { near, far } = await pair();
    await far.side.disconnect(far.endpoint);
    await near.side.disconnected(near.endpoint);
    await expect(near.side.postSend(near.endpoint, [place(near, 0, 1)])).rejects.toMatchObject({
      code: 'RDMA_ERR_CONNECTION_LOST',
    });
  });

  play('disconnecting and closing twice is harmless', async ({ pair }) => {
    const { near } = await pair();
    await near.side.disconnect(near.endpoint);
    await near.side.disconnect(near.endpoint);
    await near.side.closeEndpoint(near.endpoint);
    await near.side.closeEndpoint(near.endpoint);
    expect(await near.side.state(near.endpoint)).toBe('disconnected');
  });

  if (placement === 'in one process') {
    return;
  }

  test('a killed peer is noticed', async () => {
    const near = sideHere(fixture.url, fixture.address());
    const peer = await sideInProcess(fixture.url, fixture.address());
    try {
      await near.open();
      await peer.side.open();
      const pair = await connectPair(near, peer.side, { prepare: receives });
      const ended = near.disconnected(pair.near.endpoint);
      await peer.kill();
      expect(['failed', 'closed-by-peer']).toContain(await ended);
      const flushed = await near.take(pair.near.receiveQueue, 4, 'readable');
      expect(flushed.map(({ status }) => status)).toEqual(['flushed', 'flushed', 'flushed', 'flushed']);
    } finally {
      await near.close();
      await peer.kill();
    }
  });

  test('a peer that is stopped holds up what it is asked, and nothing else', async () => {
    const near = sideHere(fixture.url, fixture.address());
    const peer = await sideInProcess(fixture.url, fixture.address());
    try {
      await near.open();
      await peer.side.open();
      const { near: party } = await connectPair(near, peer.side);
      const [first, second] = await Promise.all(
        [1, 2].map(async () => peer.side.allocate({ byteLength: 4096, access: ['remote-write'] })),
      );
      await peer.freeze();
      const resolving = near.resolve(party.endpoint, first!.remote);
      // Not every transport asks: where none does, all of them resolve.
      const asks = await Promise.race([resolving.then(() => false), setTimeout(200, true)]);
      peer.thaw();
      expect(await resolving).toBeGreaterThan(0);
      await peer.freeze();
      const late = near.resolve(party.endpoint, second!.remote, 50);
      if (asks) await expect(late).rejects.toMatchObject({ code: 'RDMA_ERR_TIMEOUT' });
      else expect(await late).toBeGreaterThan(0);
      const lost = near.resolve(party.endpoint, second!.remote);
      const outcome = asks ? expect(lost).rejects.toMatchObject({ code: 'RDMA_ERR_CONNECTION_LOST' }) : lost;
      await peer.kill();
      await outcome;
    } finally {
      await near.close();
      await peer.kill();
    }
  });
}
