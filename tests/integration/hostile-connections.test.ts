import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { connectionDataBytes, decodeRejection, encodeConnectionData } from '@rfaas/core';
import { ConnectionRefusedError, openTransport, parseTransportUrl, type Transport } from '@rfaas/rdmalib';
import { LocalCluster } from '../support/local-cluster.ts';
import { testTransport } from '../support/test-transport.ts';

let cluster: LocalCluster;
let transport: Transport;

beforeAll(async () => {
  cluster = await LocalCluster.start();
  transport = openTransport(testTransport);
}, 60_000);

afterAll(async () => {
  await transport?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

const servers = [
  ['the resource manager', () => cluster.resourceManager.url],
  ['an executor manager', () => cluster.node('node-0').url],
] as const;

/** Connects with this private data; resolves to what the rejection says. */
async function rejectionOf(url: string, privateData: Uint8Array): Promise<unknown> {
  using domain = transport.openProtectionDomain();
  const queue = domain.createCompletionQueue({ depth: 8 });
  const endpoint = domain.createEndpoint({
    sendCompletions: queue,
    receiveCompletions: queue,
    sendQueueDepth: 4,
    receiveQueueDepth: 4,
  });
  try {
    await endpoint.connect(parseTransportUrl(url), { privateData });
  } catch (error) {
    if (!(error instanceof ConnectionRefusedError)) throw error;
    return decodeRejection(error.privateData);
  } finally {
    await endpoint[Symbol.asyncDispose]();
  }
  throw new Error('the connection was accepted');
}

function withWord16(privateData: Uint8Array, offset: number, value: number): Uint8Array {
  new DataView(privateData.buffer).setUint16(offset, value, true);
  return privateData;
}

describe.each(servers)('%s rejects a connection', (_name, url) => {
  test('without private data', async () => {
    expect(await rejectionOf(url(), new Uint8Array(0))).toMatchObject({ reason: 'garbage' });
  });

  test('with garbage', async () => {
    const garbage = Uint8Array.from({ length: connectionDataBytes }, (_, index) => (index * 37 + 11) & 0xff);
    expect(await rejectionOf(url(), garbage)).toMatchObject({ reason: 'garbage' });
  });

  test('of another protocol version, naming its own', async () => {
    const data = withWord16(encodeConnectionData({ role: 'client-to-executor-manager' }), 4, 999);
    const rejection = await rejectionOf(url(), data);
    expect(rejection).toMatchObject({ reason: 'version' });
    expect((rejection as { version: number }).version).not.toBe(999);
  });

  test('in a role that does not exist', async () => {
    const data = withWord16(encodeConnectionData({ role: 'client-to-executor-manager' }), 6, 77);
    expect(await rejectionOf(url(), data)).toMatchObject({ reason: 'role' });
  });

  test('in a role that it does not serve', async () => {
    expect(await rejectionOf(url(), encodeConnectionData({ role: 'executor-to-client' }))).toMatchObject({
      reason: 'role',
    });
  });
});

test('an executor manager rejects an executor that it did not start', async () => {
  const url = cluster.node('node-0').url;
  for (const role of ['executor-to-executor-manager', 'executor-thread-to-executor-manager'] as const) {
    const data = encodeConnectionData({ role, id: 'ab'.repeat(16), secret: 'cd'.repeat(16) });
    expect(await rejectionOf(url, data)).toMatchObject({ reason: 'unauthorised' });
  }
});

test('and after all that both still serve', async () => {
  const client = await cluster.connect();
  const lease = await client.lease({ cores: 1 });
  expect(lease.node).toBe('node-0');
  await client.close();
});
