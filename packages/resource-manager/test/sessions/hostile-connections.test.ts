import { decodeRejection, encodeConnectionData, encodeMessage, generateKey, noId } from '@rfaas/core';
import { ConnectionRefusedError } from '@rfaas/rdmalib';
import { describe, expect, test } from '@jest/globals';
import { TestManager } from './test-manager.ts';
import { TestPeer } from './test-peer.ts';

function altered(offset: number, value: number): Uint8Array {
  const data = encodeConnectionData({ role: 'client-to-resource-manager' });
  data[offset] = value;
  return data;
}

async function rejectionOf(url: string, privateData: Uint8Array): Promise<string | undefined> {
  try {
    await using _peer = await TestPeer.connect(url, privateData);
    return 'accepted';
  } catch (error) {
    if (!(error instanceof ConnectionRefusedError)) {
      throw error;
    }
    return decodeRejection(error.privateData)?.reason;
  }
}

describe('a connection', () => {
  test.each([
    ['no private data', new Uint8Array(0), 'garbage'],
    ['garbage', new Uint8Array(48).fill(0xa5), 'garbage'],
    ['another version', altered(4, 2), 'version'],
    ['an unknown role', altered(6, 99), 'role'],
    ['the role of an executor', encodeConnectionData({ role: 'executor-to-client' }), 'role'],
  ])('with %s is rejected with the reason', async (_what, privateData, reason) => {
    await using world = await TestManager.start();
    expect(await rejectionOf(world.url, privateData)).toBe(reason);
    await using _client = (await world.client()).peer;
  });

  test.each([
    ['garbage', new Uint8Array(100).fill(7)],
    ['a request before the handshake', encodeMessage({ kind: 'usage-request', leaseId: noId })],
    [
      'an empty name',
      encodeMessage({ kind: 'hello', nonce: generateKey(), name: '', leaseId: noId, generation: 0 }),
    ],
  ])('that begins with %s is refused and closed', async (_what, bytes) => {
    await using world = await TestManager.start();
    await using peer = await TestPeer.connect(
      world.url,
      encodeConnectionData({ role: 'client-to-resource-manager' }),
    );
    await peer.channel.send(bytes);
    expect(await peer.receive()).toMatchObject({ kind: 'refused' });
    expect(await peer.receive()).toBeUndefined();
    await using _client = (await world.client()).peer;
  });

  test.each([
    ['garbage', new Uint8Array(33).fill(7)],
    ['a message that is not for it', encodeMessage({ kind: 'node-registered' })],
  ])('that sends %s later is refused and closed', async (_what, bytes) => {
    await using world = await TestManager.start();
    await using client = (await world.client()).peer;
    await client.channel.send(bytes);
    expect(await client.receive()).toMatchObject({ kind: 'refused', code: 3 });
    expect(await client.receive()).toBeUndefined();
  });

  test('of a client is closed when the resource manager stops', async () => {
    const world = await TestManager.start();
    await using client = (await world.client()).peer;
    await using manager = await world.registeredNode('n1');
    await world[Symbol.asyncDispose]();
    expect(await client.receive()).toBeUndefined();
    expect(await manager.receive()).toBeUndefined();
    await expect(TestPeer.connect(world.url, altered(0, 0x72))).rejects.toMatchObject({
      code: 'RDMA_ERR_CONNECTION_REFUSED',
    });
  });
});

describe('an address', () => {
  test('that is taken is named', async () => {
    await using world = await TestManager.start();
    await expect(TestManager.start({ transport: world.url })).rejects.toMatchObject({
      code: 'RFAAS_ERR_ADDRESS_IN_USE',
      message: expect.stringContaining(world.url),
    });
    const { port } = new URL(world.manager.httpUrl);
    await expect(TestManager.start({ http_network_port: Number(port) })).rejects.toMatchObject({
      code: 'RFAAS_ERR_ADDRESS_IN_USE',
      message: expect.stringContaining(`127.0.0.1:${port}`),
    });
  });

  test.each(['shm://99999', 'verbs://nowhere', 'shm://1?colour=red'])(
    '%s cannot be listened on',
    async (transport) => {
      await expect(TestManager.start({ transport })).rejects.toMatchObject({
        code: expect.stringMatching(/^R/),
      });
    },
  );
});
