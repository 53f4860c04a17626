import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { deriveNodeKey, generateKey } from '@rfaas/core';
import { openTransport } from '@rfaas/rdmalib';
import { compileFunctionLibrary, type CompiledLibrary } from '../support/compile-function-library.ts';
import { LocalCluster } from '../support/local-cluster.ts';
import { patience } from '../support/patience.ts';
import { allocateOnce, leaseFor, RawManagerClient, type RawLease } from '../support/raw-manager-client.ts';
import { testTransport, testTransportAt } from '../support/test-transport.ts';
import type { Lease } from '@rfaas/core';

jest.setTimeout(60_000 * patience);

let cluster: LocalCluster;
let library: CompiledLibrary;
let url: string;
let key: Uint8Array;
/** 0: any start of the manager, as for nodes that were added by hand. */
const anyIncarnation = 0n;

beforeAll(async () => {
  cluster = await LocalCluster.single({ cores: 1 });
  library = await compileFunctionLibrary({ file: 'test-functions.c' });
  key = cluster.nodeKey('node-0');
  url = cluster.node('node-0').url;
});

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await library?.[Symbol.asyncDispose]();
});

function valid(changes: Partial<Lease> = {}): RawLease {
  return { lease: leaseFor('node-0', anyIncarnation, changes), provenWith: key, signedWith: key };
}

/** The node has its core for somebody who holds a good lease: nothing that was refused has taken it. */
async function expectNodeIsFree(): Promise<void> {
  const honest = await cluster.connect();
  try {
    const lease = await honest.lease({ cores: 1 });
    await using executor = await lease.allocate({ library: library.path }, { hotTimeout: 0 });
    expect(executor.functions).toContain('echo');
  } finally {
    await honest.close();
  }
}

describe('a lease that', () => {
  test('is signed under another key is refused', async () => {
    const answer = await allocateOnce(url, { ...valid(), signedWith: generateKey() });
    expect(answer).toMatchObject({ kind: 'refused', text: expect.stringMatching(/signature|forged|key/i) });
    await expectNodeIsFree();
  });

  test('was altered in any byte is refused', async () => {
    for (const at of [0, 8, 16, 40, 100, 150, 200]) {
      const answer = await allocateOnce(url, {
        ...valid(),
        alter: (token) => {
          token[at]! ^= 1;
        },
      });
      expect(answer).toMatchObject({ kind: 'refused' });
    }
    await expectNodeIsFree();
  });

  test('has expired is refused', async () => {
    const past = Date.now() - 120_000;
    const answer = await allocateOnce(url, valid({ notBefore: past, expiry: past + 60_000 }));
    expect(answer).toMatchObject({ kind: 'refused', text: expect.stringMatching(/expired/) });
  });

  test('is not valid yet is refused', async () => {
    const later = Date.now() + 3_600_000;
    const answer = await allocateOnce(url, valid({ notBefore: later, expiry: later + 60_000 }));
    expect(answer).toMatchObject({ kind: 'refused', text: expect.stringMatching(/valid/) });
  });

  test('is for another node is refused, even where its key is known', async () => {
    const answer = await allocateOnce(url, valid({ node: 'node-1' }));
    expect(answer).toMatchObject({ kind: 'refused', text: expect.stringMatching(/node/) });
  });

  test('is for an earlier start of the node is refused', async () => {
    const answer = await allocateOnce(url, valid({ incarnation: 12345n }));
    expect(answer).toMatchObject({ kind: 'refused', text: expect.stringMatching(/start|incarnation/) });
  });

  test('belongs to another connection is refused', async () => {
    const shown = valid();
    await using client = await RawManagerClient.connect(url, valid());
    expect(await client.allocate(shown)).toMatchObject({
      kind: 'refused',
      text: expect.stringContaining(shown.lease.leaseId),
    });
  });

  test('is presented twice doubles nothing', async () => {
    // Somebody listens and never answers, so that the executor goes on trying until it is ended.
    await using transport = openTransport(testTransport);
    using domain = transport.openProtectionDomain();
    await using listener = await domain.listen({ host: '', port: 0 });
    const raw = { ...valid(), clientUrl: testTransportAt(listener.address.port) };
    await using first = await RawManagerClient.connect(url, raw);
    const started = await first.allocate(raw);
    if (started.kind !== 'allocation-started') throw new Error(`not started: ${started.kind}`);
    await using second = await RawManagerClient.connect(url, raw);
    expect(await second.allocate(raw)).toMatchObject({
      kind: 'refused',
      text: expect.stringMatching(/core/),
    });
    const { allocationId } = started;
    expect(await first.request({ kind: 'deallocate', allocationId })).toMatchObject({
      kind: 'allocation-ended',
    });
  });

  test('asks for no core, or more than it has, is refused', async () => {
    for (const cores of [0, 2, 0xffff_ffff]) {
      expect(await allocateOnce(url, valid(), cores)).toMatchObject({
        kind: 'refused',
        text: expect.stringMatching(/core/),
      });
    }
    const wide = valid({ cores: 64 });
    expect(await allocateOnce(url, wide, 64)).toMatchObject({
      kind: 'refused',
      text: expect.stringMatching(/core/),
    });
    await expectNodeIsFree();
  });
});

test('a client that cannot prove its lease key is refused before it says anything', async () => {
  const raw = { ...valid(), provenWith: generateKey() };
  await expect(RawManagerClient.connect(url, raw)).rejects.toMatchObject({ code: 'RFAAS_ERR_UNAUTHORISED' });
});

test('the key of another node proves nothing', async () => {
  const other = deriveNodeKey(cluster.clusterKey, 'node-1');
  await expect(RawManagerClient.connect(url, { ...valid(), provenWith: other })).rejects.toMatchObject({
    code: 'RFAAS_ERR_UNAUTHORISED',
  });
});

test('a message that executor managers do not take is refused, and the session goes on', async () => {
  const raw = valid();
  await using client = await RawManagerClient.connect(url, raw);
  expect(await client.request({ kind: 'node-registered' })).toMatchObject({ kind: 'refused' });
  expect(await client.request({ kind: 'deallocate', allocationId: 'ab'.repeat(16) })).toMatchObject({
    kind: 'refused',
    text: expect.stringContaining('ab'.repeat(16)),
  });
});
