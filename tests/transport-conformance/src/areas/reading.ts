import { expect } from '@jest/globals';

import { pattern, place, sameBytes, sent } from '../party.ts';

import { waitModes, type Scene } from '../scene.ts';

export function reading({ play }: Scene): void {
  for (const mode of waitModes) {
    play(`a read brings the peer's bytes and takes no receive (${mode})`, async ({ pair }) => {
      const { near, far } = await pair();
      await far.side.write(far.region, 777, pattern(2500));
      await near.side.postRead(near.endpoint, [place(near, 64, 2500)], near.target, 777, { wrId: 8 });
      expect(await sent(near, 1, mode)).toMatchObject([{ opcode: 'read', status: 'success', wrId: 8 }]);
      expect(sameBytes(await near.side.read(near.region, 64, 2500), pattern(2500))).toBe(true);
      expect(await far.side.poll(far.receiveQueue)).toEqual([]);
    });
  }

  play('a read may be scattered', async ({ pair, capabilities }) => {
    if (capabilities.maxScatterGatherEntries < 2) {
      return;
    }
    const { near, far } = await pair();
    await far.side.write(far.region, 0, pattern(100));
    await near.side.postRead(near.endpoint, [place(near, 0, 40), place(near, 500, 60)], near.target, 0);
    await sent(near, 1);
    expect(sameBytes(await near.side.read(near.region, 0, 40), pattern(100).subarray(0, 40))).toBe(true);
    expect(sameBytes(await near.side.read(near.region, 500, 60), pattern(100).subarray(40))).toBe(true);
  });

  play('a large read arrives whole', async ({ pair }) => {
    const byteLength = 2 * 1024 * 1024 + 5;
    const { near, far } = await pair({ regionBytes: byteLength });
    await far.side.write(far.region, 0, pattern(byteLength));
    await near.side.postRead(near.endpoint, [place(near, 0, byteLength)], near.target, 0);
    expect(await sent(near, 1)).toMatchObject([{ status: 'success' }]);
    expect(sameBytes(await near.side.read(near.region, 0, byteLength), pattern(byteLength))).toBe(true);
  });
}
