import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client } from '@rfaas/client';
import {
  createCompletionBatch,
  formatTransportUrl,
  openTransport,
  parseTransportUrl,
  type CompletionQueue,
  type Endpoint,
  type EndpointOptions,
  type LocalSegment,
  type ProtectionDomain,
  type RemoteTarget,
  type Transport,
} from '@rfaas/rdmalib';
import { readFileSync } from 'node:fs';

import { compileFunctionLibrary, type CompiledLibrary } from '../../../support/compile-function-library.ts';
import { functionFile } from '../../../support/function-file.ts';
import { LocalCluster } from '../../../support/local-cluster.ts';
import { allocateWhenFree } from '../support/allocate-when-free.ts';
import { addresses, devices, run } from '../support/guest.ts';

const [ours = '', theirs = ''] = devices;
let cluster: LocalCluster;
let library: CompiledLibrary;

beforeAll(async () => {
  library = await compileFunctionLibrary({ file: 'test-functions.c' });
  cluster = await LocalCluster.single({
    cores: 2,
    config: { transport: `verbs://${addresses[1] ?? ''}:0?device=${theirs}` },
  });
});

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await library?.[Symbol.asyncDispose]();
});

/** A client on the first device; the node is on the second. */
function connect(): Client {
  const url = { ...parseTransportUrl(cluster.node('node-0').url), options: { device: ours } };
  return Client.direct(formatTransportUrl(url), { nodeKey: cluster.nodeKey('node-0') });
}

function packets(netdev: string): number {
  return Number(readFileSync(`/sys/class/net/${netdev}/statistics/rx_packets`, 'utf8'));
}

function bytes(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 7) & 0xff);
}

/** What is sent from the first device gets lost meanwhile, whatever the run asked for. */
async function withoutCable(body: () => Promise<void>): Promise<void> {
  const before = run('tc', 'qdisc', 'show', 'dev', 'eth-a', 'root');
  const parameters = /limit \d+ (.*)$/.exec(before.trim())?.[1]?.split(/\s+/);
  const replace = (...words: readonly string[]): unknown =>
    run('tc', 'qdisc', 'replace', 'dev', 'eth-a', 'root', 'netem', ...words);
  replace('loss', '100%');
  try {
    await body();
  } finally {
    if (parameters === undefined) run('tc', 'qdisc', 'delete', 'dev', 'eth-a', 'root');
    else replace(...parameters);
  }
}

interface ConnectedPair {
  readonly endpoint: Endpoint;
  readonly queue: CompletionQueue;
  readonly segment: LocalSegment;
  readonly target: RemoteTarget;
}

/** An endpoint of `near`, connected to one of `far`, with memory on both sides. */
async function connectedPair(near: Transport, far: Transport): Promise<ConnectedPair> {
  const [nearDomain, farDomain] = [near.openProtectionDomain(), far.openProtectionDomain()];
  const optionsOf = (domain: ProtectionDomain): EndpointOptions => {
    const queue = domain.createCompletionQueue({ depth: 64 });
    return { sendCompletions: queue, receiveCompletions: queue, sendQueueDepth: 4, receiveQueueDepth: 4 };
  };
  const listener = await farDomain.listen({ host: '', port: 0 });
  const nearOptions = optionsOf(nearDomain);
  const endpoint = nearDomain.createEndpoint(nearOptions);
  const connected = endpoint.connect(listener.address);
  for await (const request of listener.requests()) {
    await request.accept(request.createEndpoint(optionsOf(farDomain)));
    break;
  }
  await connected;
  const region = nearDomain.allocateMemory({ byteLength: 64, access: ['local-write'] });
  const remote = farDomain.allocateMemory({ byteLength: 64, access: ['local-write', 'remote-write'] });
  const target = await endpoint.resolveRemote(remote.remote);
  return {
    endpoint,
    queue: nearOptions.sendCompletions,
    segment: { region, offset: 0, byteLength: 64 },
    target,
  };
}

describe('packets that are delayed and lost', () => {
  test.each([
    ['hot', -1],
    ['warm', 0],
  ])('carry %s invocations of a native function', async (_name, hotTimeout) => {
    await using client = connect();
    await using lease = await client.lease({ cores: 2 });
    await using executor = await lease.allocate({ library: library.path }, { hotTimeout, cores: 2 });
    const before = [packets('eth-a'), packets('eth-b')];
    for (let round = 0; round < 100; round += 1) {
      expect(executor.invokeSync('echo', Uint8Array.of(round))).toEqual(Uint8Array.of(round));
    }
    const large = bytes(300_000);
    expect(Buffer.compare(await executor.invoke('echo', large), large)).toBe(0);
    const inputs = Array.from({ length: 60 }, (_, index) => bytes(index * 50));
    expect(await executor.map('echo', inputs)).toEqual(inputs);
    expect(packets('eth-a') - (before[0] ?? 0)).toBeGreaterThan(100);
    expect(packets('eth-b') - (before[1] ?? 0)).toBeGreaterThan(100);
  });

  test('carry a JavaScript module and its invocations', async () => {
    await using client = connect();
    await using lease = await client.lease({ cores: 1 });
    await using executor = await lease.allocate({ module: functionFile('test-functions.js') });
    const outputs = await executor.map(
      'later',
      Array.from({ length: 20 }, (_, index) => Uint8Array.of(index)),
    );
    expect(outputs).toEqual(Array.from({ length: 20 }, (_, index) => Uint8Array.of(index)));
  });

  test('lose no invocation from the bill, to which executors add by RDMA atomics', async () => {
    await using transport = openTransport(`verbs://?device=${theirs}`);
    expect(transport.capabilities.atomics).toBe('native');
    await using client = connect();
    const lease = await client.lease({ cores: 1 });
    const executor = await lease.allocate({ library: library.path }, { hotTimeout: 0 });
    for (let round = 0; round < 25; round += 1) executor.invokeSync('echo', Uint8Array.of(1));
    await executor.deallocate();
    await cluster.node('node-0').logged('"invocations":25');
    await lease.release();
  });
});

describe('when nothing comes through any more', () => {
  test('a request is sent again for a while, and then its completion and the end of the connection say why', async () => {
    await using near = openTransport(`verbs://?device=${ours}`);
    await using far = openTransport(`verbs://?device=${theirs}`);
    const { endpoint, queue, segment, target } = await connectedPair(near, far);
    await withoutCable(async () => {
      endpoint.postWrite(segment, target, 0, { wrId: 6 });
      const batch = createCompletionBatch(1);
      while (queue.poll(batch) === 0) await queue.readable({ signal: AbortSignal.timeout(30_000) });
      expect(batch.at(0)).toMatchObject({ wrId: 6, status: 'retry-exceeded' });
      expect(await endpoint.disconnected).toMatchObject({
        kind: 'failed',
        error: {
          message: expect.stringMatching(
            /write 6 to 10\.77\.0\.2 port \d+ failed: the peer does not answer.*retry/,
          ),
        },
      });
    });
  });

  test('what is in flight ends with an error that says so, and afterwards all works again', async () => {
    await using client = connect();
    const lease = await client.lease({ cores: 1 });
    const executor = await lease.allocate({ library: library.path }, { hotTimeout: 0 });
    await withoutCable(async () => {
      await expect(executor.invoke('echo', Uint8Array.of(1))).rejects.toMatchObject({
        code: 'RFAAS_ERR_EXECUTOR_LOST',
      });
      expect(await executor.ended).toMatchObject({ code: 'RFAAS_ERR_EXECUTOR_LOST' });
    });
    await client.close();
    await using again = connect();
    await using newLease = await again.lease({ cores: 2 });
    const source = { library: library.path };
    await using executorAgain = await allocateWhenFree(newLease, source, { hotTimeout: 0, cores: 2 });
    expect(await executorAgain.invoke('echo', Uint8Array.of(5))).toEqual(Uint8Array.of(5));
  }, 600_000);
});
