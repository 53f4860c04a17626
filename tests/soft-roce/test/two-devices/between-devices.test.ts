import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client } from '@rfaas/client';
import { formatTransportUrl, parseTransportUrl } from '@rfaas/rdmalib';
import { readFileSync } from 'node:fs';

import { compileFunctionLibrary, type CompiledLibrary } from '../../../support/compile-function-library.ts';
import { functionFile } from '../../../support/function-file.ts';
import { LocalCluster } from '../../../support/local-cluster.ts';
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

  test('lose no invocation from the bill', async () => {
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
  test('what is in flight ends with an error that says so, and afterwards all works again', async () => {
    const netem = run('tc', 'qdisc', 'show', 'dev', 'eth-a').trim();
    await using client = connect();
    const lease = await client.lease({ cores: 1 });
    const executor = await lease.allocate({ library: library.path }, { hotTimeout: 0 });
    run('tc', 'qdisc', 'replace', 'dev', 'eth-a', 'root', 'netem', 'loss', '100%');
    try {
      await expect(executor.invoke('echo', Uint8Array.of(1))).rejects.toMatchObject({
        code: 'RFAAS_ERR_EXECUTOR_LOST',
      });
      expect(await executor.ended).toMatchObject({ code: 'RFAAS_ERR_EXECUTOR_LOST' });
    } finally {
      const parameters =
        /netem (?:\S+: )?root refcnt \d+ limit \d+ (.*)$/.exec(netem)?.[1]?.split(/\s+/) ?? [];
      run('tc', 'qdisc', 'replace', 'dev', 'eth-a', 'root', 'netem', ...parameters);
    }
    await using again = connect();
    await using newLease = await again.lease({ cores: 2 });
    await using executorAgain = await newLease.allocate({ library: library.path }, { hotTimeout: 0 });
    expect(await executorAgain.invoke('echo', Uint8Array.of(5))).toEqual(Uint8Array.of(5));
  });
});
