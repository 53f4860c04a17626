import { expect } from '@jest/globals';
import type { MemoryAccess } from '@rfaas/rdmalib';
import { place, received, sent, type Connected } from '../party.ts';
import type { Scene } from '../scene.ts';

/** A region of the far side, and the near side's word for it. */
async function foreign(
  near: Connected,
  far: Connected,
  access: readonly MemoryAccess[],
): Promise<{ region: number; target: number }> {
  const { region, remote } = await far.side.allocate({ byteLength: 4096, access });
  return { region, target: await near.side.resolve(near.endpoint, remote) };
}

export function failures({ play }: Scene): void {
  play('a write beyond the remote memory fails and writes nothing', async ({ pair }) => {
    const { near, far } = await pair({ regionBytes: 4096 });
    await near.side.write(near.region, 0, new Uint8Array(64).fill(1));
    await near.side.postWrite(near.endpoint, [place(near, 0, 64)], near.target, 4090, { wrId: 1 });
    expect(await sent(near, 1)).toMatchObject([{ wrId: 1, status: 'remote-access-error' }]);
    expect([...(await far.side.read(far.region, 4080, 16))]).toEqual(new Array(16).fill(0));
  });

  play('a failed request completes although it was not signaled', async ({ pair }) => {
    const { near } = await pair({ regionBytes: 4096 });
    const request = { wrId: 2, signaled: false };
    await near.side.postWrite(near.endpoint, [place(near, 0, 64)], near.target, 5000, request);
    expect(await sent(near, 1)).toMatchObject([{ wrId: 2, status: 'remote-access-error' }]);
  });

  play('a segment beyond its own region fails', async ({ pair }) => {
    const { near } = await pair({ regionBytes: 4096 });
    await near.side.postWrite(near.endpoint, [place(near, 4000, 1000)], near.target, 0);
    expect(await sent(near, 1)).toMatchObject([{ status: 'local-protection-error' }]);
  });

  play('writing to memory that grants reads only is refused', async ({ pair }) => {
    const { near, far } = await pair();
    const { region, target } = await foreign(near, far, ['remote-read']);
    await near.side.write(near.region, 0, new Uint8Array(8).fill(1));
    await near.side.postWrite(near.endpoint, [place(near, 0, 8)], target, 0);
    expect(await sent(near, 1)).toMatchObject([{ status: 'remote-access-error' }]);
    expect([...(await far.side.read(region, 0, 8))]).toEqual(new Array(8).fill(0));
  });

  play('memory that grants nothing cannot be reached', async ({ pair }) => {
    const { near, far } = await pair();
    const { remote } = await far.side.allocate({ byteLength: 4096, access: ['local-write'] });
    // Some transports say so when the memory is named, others when it is used.
    const target = await near.side
      .resolve(near.endpoint, remote)
      .catch((error: { code: string }) => error.code);
    if (typeof target === 'string') {
      expect(target).toBe('RDMA_ERR_CALL_FAILED');
      return;
    }
    await near.side.postRead(near.endpoint, [place(near, 0, 8)], target, 0);
    expect(await sent(near, 1)).toMatchObject([{ status: 'remote-access-error' }]);
  });

  play('a key that nobody gave out cannot be used', async ({ pair }) => {
    const { near, far } = await pair();
    const wrong = { ...far.remote, rkey: far.remote.rkey ^ 0x5555n };
    const target = await near.side
      .resolve(near.endpoint, wrong)
      .catch((error: { code: string }) => error.code);
    if (typeof target === 'string') {
      expect(target).toBe('RDMA_ERR_CALL_FAILED');
      return;
    }
    await near.side.postWrite(near.endpoint, [place(near, 0, 8)], target, 0);
    expect(await sent(near, 1)).toMatchObject([{ status: 'remote-access-error' }]);
  });

  play('an immediate without a posted receive fails, or waits for one', async ({ pair }) => {
    const { near, far } = await pair();
    await near.side.write(near.region, 0, Uint8Array.of(9));
    await near.side.postWrite(near.endpoint, [place(near, 0, 1)], near.target, 0, { immediate: 1, wrId: 6 });
    const early = await near.side.take(near.sendQueue, 1, 'spin', 200);
    if (early[0]?.status === 'receiver-not-ready') {
      return;
    }
    // It waits on one side or the other: where a write completes when it has left, at the receiver.
    expect(await far.side.poll(far.receiveQueue)).toEqual([]);
    await far.side.postEmptyReceives(far.endpoint, 1);
    const completions = early.length > 0 ? early : await sent(near, 1);
    expect(completions).toMatchObject([{ wrId: 6, status: 'success' }]);
    expect(await received(far, 1)).toMatchObject([{ immediate: 1, byteLength: 1 }]);
  });

  play('a send longer than the receive that it meets fails on both sides', async ({ pair }) => {
    const { near, far } = await pair({
      prepare: async (party) => party.side.postReceive(party.endpoint, place(party, 0, 16), 3),
    });
    await near.side.postSend(near.endpoint, [place(near, 0, 100)]);
    expect(await far.side.take(far.receiveQueue, 1, 'spin')).toMatchObject([
      { wrId: 3, status: 'local-length-error' },
    ]);
    expect([...(await far.side.read(far.region, 16, 84))]).toEqual(new Array(84).fill(0));
  });

  play('more segments than the transport takes are refused at once', async ({ pair, capabilities }) => {
    const { near } = await pair();
    const places = Array.from({ length: capabilities.maxScatterGatherEntries + 1 }, () => place(near, 0, 1));
    await expect(near.side.postWrite(near.endpoint, places, near.target, 0)).rejects.toMatchObject({
      code: 'RDMA_ERR_INVALID_ARGUMENT',
    });
  });

  play('numbers that are none are refused at once', async ({ pair }) => {
    const { near } = await pair();
    const invalid = { code: 'RDMA_ERR_INVALID_ARGUMENT' };
    const post = async (offset: number, byteLength: number, targetOffset: number, wrId = 0): Promise<void> =>
      near.side.postWrite(near.endpoint, [place(near, offset, byteLength)], near.target, targetOffset, {
        wrId,
      });
    await expect(post(-1, 8, 0)).rejects.toMatchObject(invalid);
    await expect(post(0, 1.5, 0)).rejects.toMatchObject(invalid);
    await expect(post(0, 8, Number.NaN)).rejects.toMatchObject(invalid);
    await expect(post(0, 8, 0, 2 ** 32)).rejects.toMatchObject(invalid);
    expect(await near.side.poll(near.sendQueue)).toEqual([]);
  });
}
