import { expect } from '@jest/globals';
import { place, received, sent, type Party } from '../party.ts';
import type { Scene } from '../scene.ts';

export function polling({ play }: Scene): void {
  play('polling an empty queue returns at once with nothing', async ({ pair }) => {
    const { near } = await pair();
    expect(await near.side.poll(near.sendQueue)).toEqual([]);
    expect(await near.side.poll(near.receiveQueue)).toEqual([]);
  });

  play('a small batch takes completions in several polls, each once', async ({ pair }) => {
    const { near, far } = await pair({
      prepare: async (party: Party) => party.side.postEmptyReceives(party.endpoint, 10),
    });
    for (let index = 0; index < 10; index += 1) {
      await near.side.postWrite(near.endpoint, [], near.target, 0, { immediate: index, wrId: index });
    }
    // The last one is there, so all are: this waits for it without taking more than there are.
    const seen: number[] = [];
    while (seen.length < 10) {
      const some = await far.side.poll(far.receiveQueue, 3);
      expect(some.length).toBeLessThanOrEqual(3);
      seen.push(...some.map(({ immediate }) => immediate ?? -1));
    }
    expect(seen.sort((left, right) => left - right)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const wrIds = (await sent(near, 10)).map(({ wrId }) => wrId);
    expect(wrIds.sort((left, right) => left - right)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(await near.side.poll(near.sendQueue)).toEqual([]);
  });

  play('completions of both directions of one endpoint name it', async ({ pair }) => {
    const { near, far } = await pair({
      prepare: async (party: Party) => party.side.postReceive(party.endpoint, place(party, 0, 64), 1),
    });
    await near.side.postSend(near.endpoint, [place(near, 100, 4)]);
    await far.side.postSend(far.endpoint, [place(far, 100, 4)]);
    expect(await received(near, 1)).toMatchObject([{ endpointId: near.id }]);
    expect(await sent(near, 1)).toMatchObject([{ endpointId: near.id }]);
    expect(await received(far, 1)).toMatchObject([{ endpointId: far.id }]);
  });
}
