import { expect } from '@jest/globals';
import { isIP } from 'node:net';

import { place, received, sent } from '../party.ts';

import type { Scene } from '../scene.ts';

export function connecting({ play }: Scene): void {
  play('a listener on port 0 says which port it got', async ({ far }) => {
    const { port } = await far.listen();
    expect(port).toBeGreaterThan(0);
  });

  play('a listener says where peers find it', async ({ far, capabilities }) => {
    const { host } = await far.listen();
    expect(['0.0.0.0', '::']).not.toContain(host);
    if (capabilities.crossesHosts) {
      expect(isIP(host)).toBeGreaterThan(0);
    }
  });

  play('both ends are established after accept', async ({ pair }) => {
    const { near, far } = await pair();
    expect(await near.side.state(near.endpoint)).toBe('established');
    expect(await far.side.state(far.endpoint)).toBe('established');
  });

  play('a receive posted before accept is there before the peer can send', async ({ pair }) => {
    const { near, far } = await pair({
      prepare: async (party, end) => {
        if (end === 'far') {
          await party.side.postReceive(party.endpoint, place(party, 0, 64), 5);
        }
      },
    });
    await near.side.postSend(near.endpoint, [place(near, 0, 8)]);
    expect(await received(far, 1)).toMatchObject([{ status: 'success', opcode: 'receive', wrId: 5 }]);
  });

  play('a receive posted before connect is there before the peer can send', async ({ pair }) => {
    const { near, far } = await pair({
      prepare: async (party, end) => {
        if (end === 'near') {
          await party.side.postReceive(party.endpoint, place(party, 0, 64), 6);
        }
      },
    });
    await far.side.postSend(far.endpoint, [place(far, 0, 8)]);
    expect(await received(near, 1)).toMatchObject([{ status: 'success', wrId: 6 }]);
  });

  play('a refused connection rejects with the refusal', async ({ near, far }) => {
    const address = await far.listen();
    const queue = await near.createQueue(8);
    const shape = { sendQueue: queue, receiveQueue: queue, sendDepth: 4, receiveDepth: 4 };
    const { endpoint } = await near.createEndpoint(shape);
    const connected = near.connect(endpoint, address);
    connected.catch(() => undefined);
    const { request } = await far.nextRequest();
    await far.reject(request, Uint8Array.of(4, 2));
    await expect(connected).rejects.toMatchObject({ code: 'RDMA_ERR_CONNECTION_REFUSED' });
    const { privateData } = (await connected.catch((error: { privateData: Uint8Array }) => error)) as {
      privateData: Uint8Array;
    };
    expect([...privateData].slice(0, 2)).toEqual([4, 2]);
    expect(['failed', 'disconnected']).toContain(await near.state(endpoint));
  });

  play('connecting where nobody listens rejects', async ({ near, far }) => {
    const address = await far.listen();
    await far.closeListeners();
    const queue = await near.createQueue(8);
    const shape = { sendQueue: queue, receiveQueue: queue, sendDepth: 4, receiveDepth: 4 };
    const { endpoint } = await near.createEndpoint(shape);
    await expect(near.connect(endpoint, address)).rejects.toMatchObject({
      code: 'RDMA_ERR_CONNECTION_REFUSED',
    });
  });

  play('a closing listener rejects the requests that wait', async ({ near, far }) => {
    const address = await far.listen();
    const queue = await near.createQueue(8);
    const shape = { sendQueue: queue, receiveQueue: queue, sendDepth: 4, receiveDepth: 4 };
    const { endpoint } = await near.createEndpoint(shape);
    const connected = near.connect(endpoint, address);
    connected.catch(() => undefined);
    await far.nextRequest();
    await far.closeListeners();
    await expect(connected).rejects.toMatchObject({ code: 'RDMA_ERR_CONNECTION_REFUSED' });
  });

  play('a port that is taken cannot be listened on again', async ({ near, far, capabilities }) => {
    const { port } = await far.listen();
    if (capabilities.crossesHosts) {
      return;
    }
    expect(port).not.toBe((await near.listen()).port);
  });

  play('several connections to one listener are independent', async ({ pair }) => {
    const first = await pair({ prepare: async (party) => party.side.postEmptyReceives(party.endpoint, 2) });
    const second = await pair({ prepare: async (party) => party.side.postEmptyReceives(party.endpoint, 2) });
    await second.near.side.postWrite(second.near.endpoint, [], second.near.target, 0, { immediate: 2 });
    await first.near.side.postWrite(first.near.endpoint, [], first.near.target, 0, { immediate: 1 });
    expect(await received(first.far, 1)).toMatchObject([{ immediate: 1, endpointId: first.far.id }]);
    expect(await received(second.far, 1)).toMatchObject([{ immediate: 2, endpointId: second.far.id }]);
    expect(await sent(first.near, 1)).toMatchObject([{ endpointId: first.near.id }]);
  });
}
