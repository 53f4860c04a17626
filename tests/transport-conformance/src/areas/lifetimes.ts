import { expect } from '@jest/globals';
import { createCompletionBatch } from '@rfaas/rdmalib';
import type { Scene } from '../scene.ts';
import { createEndpoint, pairOfTransports } from '../transports.ts';

const closed = {
  code: 'RDMA_ERR_CLOSED',
};
const throwsClosed = expect.objectContaining(closed);

export function lifetimes({ test, fixture }: Scene): void {
  test('everything can be closed twice', async () => {
    const transport = fixture.open();
    const domain = transport.openProtectionDomain();
    const region = domain.allocateMemory({ byteLength: 64, access: [] });
    const queue = domain.createCompletionQueue({ depth: 8 });
    const endpoint = createEndpoint(domain);
    const listener = await domain.listen(fixture.address());
    for (let times = 0; times < 2; times += 1) {
      await listener.close();
      await endpoint.close();
      queue.close();
      region.close();
      domain.close();
      await transport.close();
    }
  });

  test('closing a transport closes what was opened from it', async () => {
    const sides = await pairOfTransports(fixture);
    const listener = await sides.nearDomain.listen(fixture.address());
    const requests = listener.requests()[Symbol.asyncIterator]();
    const request = requests.next();
    await sides.nearTransport.close();
    expect(await request).toMatchObject({ done: true });
    expect(await sides.near.disconnected).toEqual({ kind: 'closed-locally' });
    expect(await sides.far.disconnected).toEqual({ kind: 'closed-by-peer' });
    expect(() => sides.nearRegion.bytes).toThrow(throwsClosed);
    await sides[Symbol.asyncDispose]();
  });

  test('use after close throws ClosedError', async () => {
    const sides = await pairOfTransports(fixture);
    const { near, nearDomain, nearTransport, nearRegion, farRegion } = sides;
    const queue = nearDomain.createCompletionQueue({ depth: 8 });
    const target = await near.resolveRemote(farRegion.remote);
    const segment = { region: nearRegion, offset: 0, byteLength: 8 };
    await near.close();
    expect(() => near.postSend(segment)).toThrow(throwsClosed);
    expect(() => near.postWrite(segment, target, 0)).toThrow(throwsClosed);
    expect(() => near.postRead(segment, target, 0)).toThrow(throwsClosed);
    expect(() => near.postReceive(segment, 1)).toThrow(throwsClosed);
    expect(() => near.postEmptyReceives(1)).toThrow(throwsClosed);
    await expect(near.resolveRemote(farRegion.remote)).rejects.toMatchObject(closed);
    expect(() => near.nativeHandle).toThrow(throwsClosed);
    await expect(near.connect(fixture.address())).rejects.toMatchObject(closed);
    queue.close();
    const batch = createCompletionBatch(4);
    expect(() => queue.poll(batch)).toThrow(throwsClosed);
    expect(() => queue.spin(batch, 1)).toThrow(throwsClosed);
    expect(() => queue.block(batch, 1)).toThrow(throwsClosed);
    expect(() => queue.interrupt()).toThrow(throwsClosed);
    await expect(queue.readable()).rejects.toMatchObject(closed);
    nearDomain.close();
    expect(() => nearDomain.allocateMemory({ byteLength: 8, access: [] })).toThrow(throwsClosed);
    expect(() => nearDomain.createCompletionQueue({ depth: 8 })).toThrow(throwsClosed);
    await expect(nearDomain.listen(fixture.address())).rejects.toMatchObject(closed);
    await nearTransport.close();
    expect(() => nearTransport.openProtectionDomain()).toThrow(throwsClosed);
    await sides[Symbol.asyncDispose]();
  });

  test('a queue that an endpoint uses cannot be closed, and can afterwards', async () => {
    await using transport = fixture.open();
    using domain = transport.openProtectionDomain();
    const queue = domain.createCompletionQueue({ depth: 64 });
    const endpoint = domain.createEndpoint({
      sendCompletions: queue,
      receiveCompletions: queue,
      sendQueueDepth: 8,
      receiveQueueDepth: 8,
    });
    expect(() => queue.close()).toThrow(expect.objectContaining({ code: 'RDMA_ERR_CALL_FAILED' }));
    await endpoint.close();
    queue.close();
  });

  test('completions that wait outlive their endpoint', async () => {
    await using sides = await pairOfTransports(fixture);
    const queue = sides.nearDomain.createCompletionQueue({ depth: 64 });
    const endpoint = sides.nearDomain.createEndpoint({
      sendCompletions: queue,
      receiveCompletions: queue,
      sendQueueDepth: 8,
      receiveQueueDepth: 8,
    });
    await endpoint.close();
    const batch = createCompletionBatch(8);
    queue.poll(batch);
    for (let index = 0; index < batch.length; index += 1) {
      expect(batch.endpointId(index)).toBe(endpoint.id);
    }
    queue.close();
  });

  test('an endpoint connects once', async () => {
    await using sides = await pairOfTransports(fixture);
    await expect(sides.near.connect({ ...fixture.address(), port: 1 })).rejects.toMatchObject({
      name: expect.stringMatching(/Error$/),
    });
    expect(sides.near.state).toBe('established');
  });

  test('closing while connecting rejects the connection', async () => {
    await using transport = fixture.open();
    using domain = transport.openProtectionDomain();
    await using listener = await domain.listen(fixture.address());
    const endpoint = createEndpoint(domain);
    const connecting = endpoint.connect(listener.address);
    await endpoint.close();
    await expect(connecting).rejects.toMatchObject(closed);
  });

  test('connecting ends with its signal', async () => {
    await using transport = fixture.open();
    using domain = transport.openProtectionDomain();
    await using listener = await domain.listen(fixture.address());
    await using endpoint = createEndpoint(domain);
    const controller = new AbortController();
    const connecting = endpoint.connect(listener.address, { signal: controller.signal });
    const reason = new Error('changed my mind');
    controller.abort(reason);
    await expect(connecting).rejects.toBe(reason);
  });

  test('a hundred transports open and close one after the other', async () => {
    const { readdirSync } = await import('node:fs');
    const descriptors = (): number => readdirSync('/proc/self/fd').length;
    const once = async (): Promise<void> => (await pairOfTransports(fixture))[Symbol.asyncDispose]();
    await once();
    const before = descriptors();
    for (let round = 0; round < 50; round += 1) {
      await once();
    }
    expect(descriptors()).toBeLessThanOrEqual(before + 2);
  });
}
