import { expect } from '@jest/globals';
import type { Scene, Stage } from '../scene.ts';
import type { Handle } from '../side.ts';

/** Three connections whose far ends share one queue for everything. */
async function shared({
  near,
  far,
}: Stage): Promise<{ queue: Handle; ends: { near: Handle; far: Handle; id: number }[] }> {
  const address = await far.listen();
  const queue = await far.createQueue(128);
  const ends = [];
  for (let index = 0; index < 3; index += 1) {
    const own = await near.createQueue(32);
    const depths = { sendDepth: 16, receiveDepth: 16 };
    const { endpoint } = await near.createEndpoint({ ...depths, sendQueue: own, receiveQueue: own });
    const connected = near.connect(endpoint, address);
    connected.catch(() => undefined);
    const { request } = await far.nextRequest();
    const accepting = await far.createEndpoint({ ...depths, sendQueue: queue, receiveQueue: queue }, request);
    await far.postEmptyReceives(accepting.endpoint, 8);
    await far.accept(request, accepting.endpoint);
    await connected;
    ends.push({ near: endpoint, far: accepting.endpoint, id: accepting.id });
  }
  return { queue, ends };
}

export function sharedQueues({ play }: Scene): void {
  play('every completion names its endpoint', async (stage) => {
    const { queue, ends } = await shared(stage);
    const { remote } = await stage.far.allocate({
      byteLength: 4096,
      access: ['local-write', 'remote-write'],
    });
    for (const [index, end] of ends.entries()) {
      const target = await stage.near.resolve(end.near, remote);
      await stage.near.postWrite(end.near, [], target, 0, { immediate: index });
      await stage.near.postWrite(end.near, [], target, 0, { immediate: index });
    }
    const seen = await stage.far.take(queue, 6, 'readable');
    expect(seen).toHaveLength(6);
    for (const { immediate, endpointId } of seen) {
      expect(endpointId).toBe(ends[immediate ?? -1]?.id);
    }
  });

  play('one endpoint ends and the others go on', async (stage) => {
    const { queue, ends } = await shared(stage);
    const [first, second] = ends;
    if (first === undefined || second === undefined) {
      throw new Error('there are three connections');
    }
    await stage.near.closeEndpoint(first.near);
    expect(await stage.far.disconnected(first.far)).toBe('closed-by-peer');
    const { remote } = await stage.far.allocate({
      byteLength: 4096,
      access: ['local-write', 'remote-write'],
    });
    const target = await stage.near.resolve(second.near, remote);
    await stage.near.postWrite(second.near, [], target, 0, { immediate: 42 });
    for (;;) {
      const seen = await stage.far.take(queue, 1, 'spin');
      expect(seen).not.toEqual([]);
      const success = seen.find(({ status }) => status === 'success');
      if (success !== undefined) {
        expect(success).toMatchObject({ endpointId: second.id, immediate: 42 });
        return;
      }
      expect(seen.every(({ status, endpointId }) => status === 'flushed' && endpointId === first.id)).toBe(
        true,
      );
    }
  });
}
