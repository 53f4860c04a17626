import { expect } from '@jest/globals';

import { pattern } from '../party.ts';

import type { Scene, Stage } from '../scene.ts';

/** Connects with private data both ways; says what each side saw. */
async function exchange(
  { near, far }: Stage,
  asked: Uint8Array | undefined,
  answered: Uint8Array | undefined,
): Promise<{ request: number[]; reply: number[] }> {
  const address = await far.listen();
  const nearQueue = await near.createQueue(8);
  const farQueue = await far.createQueue(8);
  const shape = { sendDepth: 4, receiveDepth: 4 };
  const { endpoint } = await near.createEndpoint({ ...shape, sendQueue: nearQueue, receiveQueue: nearQueue });
  const reply = near.connect(endpoint, address, asked);
  reply.catch(() => undefined);
  const { request, privateData } = await far.nextRequest();
  const accepting = await far.createEndpoint(
    { ...shape, sendQueue: farQueue, receiveQueue: farQueue },
    request,
  );
  await far.accept(request, accepting.endpoint, answered);
  return { request: [...privateData], reply: [...(await reply)] };
}

export function privateData({ play }: Scene): void {
  play('arrives on both sides, at most zero padded', async (stage) => {
    const seen = await exchange(stage, Uint8Array.of(1, 2, 3), Uint8Array.of(9, 8));
    expect(seen.request.slice(0, 3)).toEqual([1, 2, 3]);
    expect(seen.request.slice(3).every((byte) => byte === 0)).toBe(true);
    expect(seen.reply.slice(0, 2)).toEqual([9, 8]);
    expect(seen.reply.slice(2).every((byte) => byte === 0)).toBe(true);
  });

  play('may be absent', async (stage) => {
    const seen = await exchange(stage, undefined, undefined);
    expect(seen.request.every((byte) => byte === 0)).toBe(true);
    expect(seen.reply.every((byte) => byte === 0)).toBe(true);
  });

  play('may be as long as the capabilities say', async (stage) => {
    const most = pattern(stage.capabilities.maxPrivateDataBytes);
    const seen = await exchange(stage, most, most);
    expect(seen.request.slice(0, most.length)).toEqual([...most]);
    expect(seen.reply.slice(0, most.length)).toEqual([...most]);
  });

  play('that is longer throws and is not cut', async ({ near, far, capabilities }) => {
    const address = await far.listen();
    const queue = await near.createQueue(8);
    const shape = { sendQueue: queue, receiveQueue: queue, sendDepth: 4, receiveDepth: 4 };
    const { endpoint } = await near.createEndpoint(shape);
    await expect(
      near.connect(endpoint, address, new Uint8Array(capabilities.maxPrivateDataBytes + 1)),
    ).rejects.toMatchObject({ code: 'RDMA_ERR_INVALID_ARGUMENT' });
  });
}
