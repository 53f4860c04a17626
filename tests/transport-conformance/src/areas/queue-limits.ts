import { expect } from '@jest/globals';
import { place, received, sent, type Party } from '../party.ts';
import type { Scene } from '../scene.ts';

const depth = 8;
const full = {
  code: 'RDMA_ERR_QUEUE_FULL',
};

export function queueLimits({ play }: Scene): void {
  play('a full send queue throws, drops nothing, and has room again afterwards', async ({ pair }) => {
    const { near, far } = await pair({
      sendDepth: depth,
      prepare: async (party: Party) => party.side.postEmptyReceives(party.endpoint, 32),
    });
    for (let index = 0; index < depth; index += 1) {
      await near.side.postWrite(near.endpoint, [], near.target, 0, { immediate: index, wrId: index });
    }
    await expect(
      near.side.postWrite(near.endpoint, [], near.target, 0, { immediate: 99 }),
    ).rejects.toMatchObject(full);
    expect(await sent(near, depth)).toHaveLength(depth);
    await near.side.postWrite(near.endpoint, [], near.target, 0, { immediate: 100 });
    const seen = (await received(far, depth + 1)).map(({ immediate }) => immediate);
    expect(seen.sort((left, right) => (left ?? 0) - (right ?? 0))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 100]);
  });

  play('a full receive queue throws and posts none of them', async ({ pair }) => {
    const { near, far } = await pair({ receiveDepth: depth });
    await far.side.postEmptyReceives(far.endpoint, depth - 1);
    await expect(far.side.postEmptyReceives(far.endpoint, 2)).rejects.toMatchObject(full);
    await far.side.postEmptyReceives(far.endpoint, 1);
    await expect(far.side.postReceive(far.endpoint, place(far, 0, 8), 0)).rejects.toMatchObject(full);
    for (let index = 0; index < depth; index += 1) {
      await near.side.postWrite(near.endpoint, [], near.target, 0, { immediate: index });
    }
    await received(far, depth);
    await far.side.postEmptyReceives(far.endpoint, depth);
  });

  play('queues deeper than the transport has are refused', async ({ near, capabilities }) => {
    const queue = await near.createQueue(8);
    const shape = { sendQueue: queue, receiveQueue: queue, sendDepth: 4, receiveDepth: 4 };
    const invalid = { code: 'RDMA_ERR_INVALID_ARGUMENT' };
    const tooDeep = capabilities.maxQueueDepth + 1;
    await expect(near.createEndpoint({ ...shape, sendDepth: tooDeep })).rejects.toMatchObject(invalid);
    await expect(near.createEndpoint({ ...shape, receiveDepth: tooDeep })).rejects.toMatchObject(invalid);
    await expect(near.createEndpoint({ ...shape, sendDepth: 0 })).rejects.toMatchObject(invalid);
  });

  play('the deepest queues that the capabilities allow work', async ({ pair, capabilities }) => {
    const deepest = Math.min(capabilities.maxQueueDepth, 4096);
    const { near, far } = await pair({
      sendDepth: deepest,
      receiveDepth: deepest,
      prepare: async (party, end) => {
        if (end === 'far') {
          await party.side.postEmptyReceives(party.endpoint, deepest);
        }
      },
    });
    for (let index = 0; index < deepest; index += 1) {
      await near.side.postWrite(near.endpoint, [], near.target, 0, { immediate: index });
    }
    expect(await received(far, deepest)).toHaveLength(deepest);
    expect(await sent(near, deepest)).toHaveLength(deepest);
  });
}
