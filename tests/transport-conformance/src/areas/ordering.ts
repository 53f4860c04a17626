import { expect } from '@jest/globals';
import { pattern, place, received, sameBytes, sent, type Party } from '../party.ts';
import type { Scene } from '../scene.ts';

const receives = async (party: Party): Promise<void> => party.side.postEmptyReceives(party.endpoint, 32);

export function ordering({ play }: Scene): void {
  play('every signaled request completes exactly once, matched by its number', async ({ pair }) => {
    const { near, far } = await pair({ prepare: receives });
    const expected: number[] = [];
    for (let index = 0; index < 24; index += 1) {
      const wrId = 1000 + index;
      if (index % 3 === 0) {
        await near.side.postRead(near.endpoint, [place(near, 0, 8)], near.target, 0, { wrId });
      } else {
        await near.side.postWrite(near.endpoint, [place(near, 0, 8)], near.target, 0, {
          wrId,
          immediate: index,
        });
      }
      expected.push(wrId);
    }
    const seen = (await sent(near, 24)).map(({ wrId }) => wrId);
    expect(seen.sort((left, right) => left - right)).toEqual(expected);
    expect(await near.side.take(near.sendQueue, 1, 'spin', 20)).toEqual([]);
    expect(await received(far, 16)).toHaveLength(16);
  });

  play('bytes of earlier writes are there when a later immediate is seen', async ({ pair }) => {
    const { near, far } = await pair({ prepare: receives });
    for (let round = 0; round < 10; round += 1) {
      await near.side.write(near.region, 0, pattern(8000, round));
      const half = { signaled: false };
      await near.side.postWrite(near.endpoint, [place(near, 0, 4000)], near.target, 0, half);
      await near.side.postWrite(near.endpoint, [place(near, 4000, 4000)], near.target, 4000, {
        immediate: round,
      });
      expect(await received(far, 1)).toMatchObject([{ immediate: round, byteLength: 4000 }]);
      expect(sameBytes(await far.side.read(far.region, 0, 8000), pattern(8000, round))).toBe(true);
      await sent(near, 1);
    }
  });

  play('immediates of one endpoint arrive in the order of posting', async ({ pair }) => {
    const { near, far } = await pair({ prepare: receives });
    for (let index = 0; index < 30; index += 1) {
      await near.side.postWrite(near.endpoint, [], near.target, 0, { immediate: index });
    }
    const seen = (await received(far, 30)).map(({ immediate }) => immediate);
    expect(seen).toEqual(Array.from({ length: 30 }, (_, index) => index));
  });
}
