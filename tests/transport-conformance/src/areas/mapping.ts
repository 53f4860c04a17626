import { expect } from '@jest/globals';
import { connectPair, type Connected } from '../party.ts';
import { sideHere } from '../remote-side.ts';
import type { Scene } from '../scene.ts';
import { pairOfTransports } from '../transports.ts';

export function mapping({ play, test, fixture, placement }: Scene): void {
  play('placed bytes are announced by an immediate, where memory maps', async ({ pair, capabilities }) => {
    const { near, far } = await pair({
      prepare: async (party) => party.side.postEmptyReceives(party.endpoint, 4),
    });
    const post = near.side.postWrite(near.endpoint, [], near.target, 256, { immediate: 5, placed: 100 });
    if (!capabilities.directMap) {
      await expect(post).rejects.toMatchObject({ code: 'RDMA_ERR_UNSUPPORTED' });
      return;
    }
    await post;
    expect(await far.side.take(far.receiveQueue, 1, 'spin')).toMatchObject([
      { immediate: 5, byteLength: 100 },
    ]);
  });

  play('placed bytes beyond the target are refused', async ({ pair, capabilities }) => {
    if (!capabilities.directMap) {
      return;
    }
    const { near } = await pair({ regionBytes: 4096 });
    await near.side.postWrite(near.endpoint, [], near.target, 4000, { immediate: 5, placed: 100 });
    expect(await near.side.take(near.sendQueue, 1, 'spin')).toMatchObject([
      { status: 'remote-access-error' },
    ]);
  });

  if (placement === 'in two processes') {
    return;
  }

  test('a mapped region is the peer memory itself, and zeros after the end', async () => {
    await using sides = await pairOfTransports(fixture);
    const { near, far, farRegion } = sides;
    const target = await near.resolveRemote(farRegion.remote);
    if (!sides.capabilities.directMap) {
      expect(() => near.mapRemote(target)).toThrow(expect.objectContaining({ code: 'RDMA_ERR_UNSUPPORTED' }));
      return;
    }
    const mapped = near.mapRemote(target);
    expect(mapped.byteLength).toBe(farRegion.byteLength);
    expect(near.mapRemote(target)).toEqual(mapped);
    expect(near.mapRemoteAddress(target)).toBeGreaterThan(0);
    mapped[77] = 5;
    expect(farRegion.bytes[77]).toBe(5);
    farRegion.bytes[78] = 6;
    expect(mapped[78]).toBe(6);
    await near.close();
    expect([mapped[77], mapped[78]]).toEqual([0, 0]);
    expect(farRegion.bytes[77]).toBe(5);
    await far.close();
  });

  test('a target belongs to the endpoint that resolved it', async () => {
    const side = sideHere(fixture.url, fixture.address());
    try {
      await side.open();
      const first = await connectPair(side, side);
      const second = await connectPair(side, side);
      const misuse = async (party: Connected, other: Connected): Promise<void> =>
        party.side.postWrite(party.endpoint, [], other.target, 0);
      await expect(misuse(first.near, second.near)).rejects.toMatchObject({
        code: 'RDMA_ERR_INVALID_ARGUMENT',
      });
    } finally {
      await side.close();
    }
  });
}
