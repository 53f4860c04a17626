import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client } from '@rfaas/client';

import { functionFile } from '../../../support/function-file.ts';
import { LocalCluster } from '../../../support/local-cluster.ts';
import { playExample } from '../../../support/rdmalib-example.ts';
import { runNode } from '../../../support/run-program.ts';
import { addresses, devices } from '../support/guest.ts';

const [device = ''] = devices;
const [address = ''] = addresses;
const announced = new RegExp(`^verbs://${address}:\\d+$`);
let cluster: LocalCluster;

/** Any that is free in a machine where nothing else runs. */
const knownPort = 24_680;

// Neither server is told an address. JSON has no undefined: the transport of other tests is not in the files.
beforeAll(async () => {
  cluster = await LocalCluster.create();
  const database = cluster.files.path('devices.json');
  const words = ['devices', '--write', database, '--port', String(knownPort)];
  const written = await runNode(['packages/client/bin/rfaas.cjs', ...words], { timeoutMs: 200_000 });
  expect(written.code).toBe(0);
  const keys = { transport: undefined, rdma_device: device, devices_database: 'devices.json' };
  await cluster.startResourceManager(keys);
  await cluster.startNode('node-0', {
    config: { transport: undefined },
    words: ['--device', device],
  });
}, 600_000);

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

describe('a cluster that was told nothing but the name of a device', () => {
  test('announces addresses that other hosts can use, without the name of the device', () => {
    expect(cluster.resourceManager.url).toBe(`verbs://${address}:${knownPort}`);
    expect(cluster.node('node-0').url).toMatch(announced);
  });

  test('serves a client that was told no more', async () => {
    await using client = await Client.connect({
      resourceManager: cluster.resourceManager.url,
      device,
      tenant: cluster.tenant,
      credential: cluster.credential,
    });
    await using lease = await client.lease({ cores: 1 });
    await using executor = await lease.allocate({ module: functionFile('test-functions.js') });
    const output = await executor.invoke('shout', new TextEncoder().encode('through the device'));
    expect(new TextDecoder().decode(output)).toBe('THROUGH THE DEVICE');
  });

  test('serves the command line', async () => {
    const words = ['invoke', 'shout', '--module', functionFile('test-functions.js'), '--text', 'quiet'];
    const to = ['--device', device, '-r', cluster.resourceManager.url];
    const environment = {
      RFAAS_TENANT: cluster.tenant,
      RFAAS_CREDENTIAL_FILE: await cluster.files.key('tenant.key', cluster.credential),
    };
    const result = await runNode(['packages/client/bin/rfaas.cjs', ...words, ...to], {
      environment,
      timeoutMs: 200_000,
    });
    expect(result).toMatchObject({ code: 0, output: 'QUIET', errors: '' });
  });
});

describe('the examples of rdmalib run on a device by name:', () => {
  const url = `verbs://?device=${device}`;

  test('ping-pong', async () => {
    const { url: at, clients } = await playExample('ping-pong', url, [], ['200']);
    expect(at).toMatch(announced);
    expect(clients[0]).toMatch(/^200 round trips of 64 bytes over verbs: p50 \d+ ns/);
  });

  test('remote write with immediate', async () => {
    const { listener } = await playExample('remote-write', url, [], ['größer than bytes']);
    expect(listener).toEqual(['größer than bytes']);
  });

  test('distributed counter', async () => {
    const { listener } = await playExample('distributed-counter', url, ['2'], ['150'], ['250']);
    expect(listener).toEqual(['400']);
  });
});
