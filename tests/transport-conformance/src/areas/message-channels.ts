import { expect } from '@jest/globals';
import {
  createCompletionBatch,
  MessageChannel,
  tendMessageChannels,
  type ConnectionRequest,
  type ProtectionDomain,
} from '@rfaas/rdmalib';
import type { TransportFixture } from '../fixture.ts';
import type { Scene } from '../scene.ts';
import { firstRequest } from '../transports.ts';

interface Channels extends AsyncDisposable {
  readonly near: MessageChannel;
  readonly far: MessageChannel;
  readonly nearDomain: ProtectionDomain;
  readonly farDomain: ProtectionDomain;
}

/** `peerTimeoutMs` is the near side's. */
async function channels(
  fixture: TransportFixture,
  maxMessageBytes?: number,
  peerTimeoutMs?: number,
): Promise<Channels> {
  const nearTransport = fixture.open();
  const farTransport = fixture.open();
  const nearDomain = nearTransport.openProtectionDomain();
  const farDomain = farTransport.openProtectionDomain();
  const listener = await farDomain.listen(fixture.address());
  const connecting = MessageChannel.connect(nearDomain, listener.address, {
    privateData: Uint8Array.of(1),
    maxMessageBytes,
    peerTimeoutMs,
  });
  const request = await firstRequest(listener);
  const far = await MessageChannel.accept(request, { privateData: Uint8Array.of(2), maxMessageBytes });
  const near = await connecting;
  await listener.close();
  return {
    near,
    far,
    nearDomain,
    farDomain,
    [Symbol.asyncDispose]: async () => {
      await near.close();
      await far.close();
      await nearTransport.close();
      await farTransport.close();
    },
  };
}

/** The first frame of a channel that takes messages of 4096 bytes, none of them yet; see docs/wire-format.md. */
const helloFrame = Uint8Array.of(0x01, 0x72, 0, 0, 4, 0, 0, 0, 0x00, 0x10, 0, 0);

interface SilentPeer extends AsyncDisposable {
  readonly request: ConnectionRequest;
  readonly connected: Promise<unknown>;
}

/** A peer that is no message channel, and connects: all that it ever says is `words`. */
async function silentPeer(fixture: TransportFixture, words?: Uint8Array): Promise<SilentPeer> {
  const transport = fixture.open();
  const domain = transport.openProtectionDomain();
  const listener = await domain.listen(fixture.address());
  const queue = domain.createCompletionQueue({ depth: 64 });
  const region = domain.allocateMemory({ byteLength: 4096, access: ['local-write'] });
  const endpoint = domain.createEndpoint({
    sendCompletions: queue,
    receiveCompletions: queue,
    sendQueueDepth: 8,
    receiveQueueDepth: 8,
  });
  for (let slot = 0; slot < 4; slot += 1) {
    endpoint.postReceive({ region, offset: 64 * slot, byteLength: 64 }, slot);
  }
  const connected = endpoint.connect(listener.address).then(() => {
    if (words === undefined) return;
    region.bytes.set(words, 1024);
    endpoint.postSend({ region, offset: 1024, byteLength: words.length }, { wrId: 9 });
  });
  const request = await firstRequest(listener);
  return {
    request,
    connected,
    [Symbol.asyncDispose]: async () => {
      queue.poll(createCompletionBatch(8));
      await listener.close();
      await transport.close();
    },
  };
}

const numbered = (index: number, byteLength = 4): Uint8Array => {
  const bytes = new Uint8Array(byteLength);
  new DataView(bytes.buffer).setUint32(0, index, true);
  return bytes;
};
const numberOf = (bytes: Uint8Array | undefined): number =>
  bytes === undefined ? -1 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);

export function messageChannels({ test, fixture }: Scene): void {
  test('messages arrive whole and in order, both ways, whatever their length', async () => {
    await using pair = await channels(fixture);
    expect(pair.near.peerPrivateData[0]).toBe(2);
    expect(pair.far.peerPrivateData[0]).toBe(1);
    const lengths = [4, 4096, 5, 63, 64, 65, 1000];
    const sendAll = async (channel: MessageChannel): Promise<void> => {
      for (let index = 0; index < 300; index += 1) {
        await channel.send(numbered(index, lengths[index % lengths.length]));
      }
    };
    const receiveAll = async (channel: MessageChannel): Promise<void> => {
      for (let index = 0; index < 300; index += 1) {
        const message = await channel.receive();
        expect([numberOf(message), message?.byteLength]).toEqual([index, lengths[index % lengths.length]]);
      }
    };
    await Promise.all([sendAll(pair.near), sendAll(pair.far), receiveAll(pair.near), receiveAll(pair.far)]);
  });

  test('a receiver that takes nothing makes the sender wait', async () => {
    await using pair = await channels(fixture);
    let delivered = 0;
    const count = 200;
    const sends = Array.from({ length: count }, async (_, index) => {
      await pair.near.send(numbered(index));
      delivered += 1;
    });
    // An answer of the other direction shows that everything that could be delivered was.
    await pair.far.send(numbered(7));
    expect(numberOf(await pair.near.receive())).toBe(7);
    expect(delivered).toBeLessThan(count);
    for (let index = 0; index < count; index += 1) {
      expect(numberOf(await pair.far.receive())).toBe(index);
    }
    await Promise.all(sends);
  });

  test('what arrived before the end is received, then undefined', async () => {
    await using pair = await channels(fixture);
    for (const index of [1, 2, 3]) {
      await pair.near.send(numbered(index));
    }
    await pair.near.close();
    expect(await pair.far.disconnected).toEqual({ kind: 'closed-by-peer' });
    const seen: number[] = [];
    for await (const message of pair.far.messages()) {
      seen.push(numberOf(message));
    }
    expect(seen).toEqual([1, 2, 3]);
    expect(await pair.far.receive()).toBeUndefined();
    await expect(pair.far.send(numbered(1))).rejects.toMatchObject({ code: 'RDMA_ERR_CONNECTION_LOST' });
    await expect(pair.near.send(numbered(1))).rejects.toMatchObject({ code: 'RDMA_ERR_CLOSED' });
  });

  test('sends that wait reject when the channel ends', async () => {
    await using pair = await channels(fixture);
    const sends = Array.from({ length: 100 }, async (_, index) => pair.near.send(numbered(index)));
    const settled = Promise.allSettled(sends);
    await pair.far.close();
    const lost = (await settled).filter(({ status }) => status === 'rejected');
    expect(lost.length).toBeGreaterThan(0);
  });

  test('a message that is too long rejects and the channel goes on', async () => {
    await using pair = await channels(fixture, 100);
    await pair.near.send(new Uint8Array(100));
    expect((await pair.far.receive())?.byteLength).toBe(100);
    await expect(pair.near.send(new Uint8Array(101))).rejects.toMatchObject({
      code: 'RDMA_ERR_INVALID_ARGUMENT',
    });
    await pair.near.send(numbered(5));
    expect(numberOf(await pair.far.receive())).toBe(5);
  });

  test('receiving ends with its signal and loses no message', async () => {
    await using pair = await channels(fixture);
    const controller = new AbortController();
    const waited = pair.far.receive({ signal: controller.signal });
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(waited).rejects.toBe(reason);
    await pair.near.send(numbered(9));
    expect(numberOf(await pair.far.receive())).toBe(9);
  });

  test('a peer that sends no frames is cut off', async () => {
    await using transport = fixture.open();
    using domain = transport.openProtectionDomain();
    await using listener = await domain.listen(fixture.address());
    const queue = domain.createCompletionQueue({ depth: 64 });
    using region = domain.allocateMemory({ byteLength: 4096, access: ['local-write'] });
    const stranger = domain.createEndpoint({
      sendCompletions: queue,
      receiveCompletions: queue,
      sendQueueDepth: 8,
      receiveQueueDepth: 8,
    });
    stranger.postReceive({ region, offset: 0, byteLength: 2048 }, 1);
    const connected = stranger.connect(listener.address);
    const channel = await MessageChannel.accept(await firstRequest(listener));
    await connected;
    stranger.postSend({ region, offset: 2048, byteLength: 40 });
    expect(await channel.disconnected).toMatchObject({
      kind: 'failed',
      error: { code: 'RDMA_ERR_CONNECTION_LOST', message: expect.stringContaining('malformed') },
    });
    expect(await channel.receive()).toBeUndefined();
    expect(await stranger.disconnected).toMatchObject({ kind: 'closed-by-peer' });
    queue.poll(createCompletionBatch(8));
  });

  test('a peer that falls silent is lost, one that has nothing to say is not', async () => {
    const peerTimeoutMs = 200;
    await using idle = await channels(fixture, undefined, peerTimeoutMs);
    await using silent = await silentPeer(fixture, helloFrame);
    const channel = await MessageChannel.accept(silent.request, { peerTimeoutMs });
    await silent.connected;
    const sending = channel.send(numbered(1));
    expect(await channel.disconnected).toMatchObject({
      kind: 'failed',
      error: { code: 'RDMA_ERR_TIMEOUT', message: expect.stringContaining('200 ms') },
    });
    await expect(sending).rejects.toMatchObject({ code: 'RDMA_ERR_CONNECTION_LOST' });
    // Only one side of these two watches, and it has waited for longer.
    await idle.far.send(numbered(6));
    expect(numberOf(await idle.near.receive())).toBe(6);
  });

  test('a peer that never says hello is lost once connecting has taken too long', async () => {
    await using silent = await silentPeer(fixture);
    const channel = await MessageChannel.accept(silent.request, { peerTimeoutMs: 100, timeoutMs: 500 });
    await silent.connected;
    const sending = channel.send(numbered(1));
    const begin = performance.now();
    expect(await channel.disconnected).toMatchObject({
      kind: 'failed',
      error: { code: 'RDMA_ERR_TIMEOUT', message: expect.stringContaining('hello') },
    });
    // A timer may come a little early, and the wait began before.
    expect(performance.now() - begin).toBeGreaterThan(250);
    await expect(sending).rejects.toMatchObject({ code: 'RDMA_ERR_CONNECTION_LOST' });
  });

  test('a channel whose event loop does not turn answers where it is tended', async () => {
    await using pair = await channels(fixture, undefined, 60_000);
    await pair.far.send(numbered(3));
    // No turn of the event loop from here on: the message arrives by tending alone.
    const received = pair.near.receive();
    let arrived = false;
    void received.then(() => {
      arrived = true;
    });
    for (let round = 0; round < 1_000_000 && !arrived; round += 1) {
      tendMessageChannels();
      await Promise.resolve();
    }
    expect(arrived).toBe(true);
    expect(numberOf(await received)).toBe(3);
  });

  test('requests of its user run beside the messages', async () => {
    await using pair = await channels(fixture);
    using source = pair.farDomain.allocateMemory({ byteLength: 4096, access: ['remote-read'] });
    using sink = pair.nearDomain.allocateMemory({ byteLength: 4096, access: ['local-write'] });
    source.bytes.fill(3);
    await pair.near.send(numbered(1));
    const target = await pair.near.endpoint.resolveRemote(source.remote);
    const segment = { region: sink, offset: 0, byteLength: 4096 };
    const completion = await pair.near.perform((endpoint, wrId) =>
      endpoint.postRead(segment, target, 0, { wrId }),
    );
    expect(completion).toMatchObject({ opcode: 'read', status: 'success' });
    expect(sink.bytes.every((byte) => byte === 3)).toBe(true);
    expect(numberOf(await pair.far.receive())).toBe(1);
  });

  test('closing the domain under a channel ends it', async () => {
    await using pair = await channels(fixture);
    pair.nearDomain.close();
    expect(await pair.near.disconnected).toEqual({ kind: 'closed-locally' });
    expect(await pair.near.receive()).toBeUndefined();
    expect(await pair.far.disconnected).toEqual({ kind: 'closed-by-peer' });
  });
}
