import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import type { Client, Executor } from '@rfaas/client';
import { compileFunctionLibrary, type CompiledLibrary } from '../support/compile-function-library.ts';
import { LocalCluster } from '../support/local-cluster.ts';
import { patience } from '../support/patience.ts';
import { isRunning, until } from '../support/processes.ts';
import { childEnvironment } from '../support/spawn-server.ts';

jest.setTimeout(60_000 * patience);

let cluster: LocalCluster;
let library: CompiledLibrary;

beforeAll(async () => {
  library = await compileFunctionLibrary({ file: 'test-functions.c' });
  cluster = await LocalCluster.single({ cores: 1 });
});

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await library?.[Symbol.asyncDispose]();
});

const nothing = new Uint8Array(0);

async function number(executor: Executor, name: string): Promise<number> {
  const bytes = await executor.invoke(name, nothing);
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
}

/** Allocates the node's only core, which works only when nobody holds it any more. */
async function expectCoreIsFree(client: Client): Promise<void> {
  const lease = await client.lease({ cores: 1 });
  await using executor = await lease.allocate({ library: library.path }, { hotTimeout: 0 });
  expect(await number(executor, 'count_calls')).toBe(1);
}

test('a client killed in the middle of an invocation leaves no executor behind', async () => {
  const script = fileURLToPath(new URL('../support/doomed-client.mjs', import.meta.url));
  const node = cluster.node('node-0');
  const key = Buffer.from(cluster.nodeKey('node-0')).toString('hex');
  const child = spawn(process.execPath, [script, node.url, key, library.path], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: childEnvironment(),
  });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const executorPid = Number(line);
  expect(isRunning(executorPid)).toBe(true);
  child.kill('SIGKILL');
  await node.logged('"reason":"client-gone"');
  expect(isRunning(executorPid)).toBe(false);
  const client = await cluster.connect();
  await expectCoreIsFree(client);
  await client.close();
});

describe('an executor that is killed', () => {
  test('is lost by its signal, with everything that was in flight', async () => {
    const client = await cluster.connect();
    const lease = await client.lease({ cores: 1 });
    const executor = await lease.allocate({ library: library.path }, { hotTimeout: 0 });
    const pid = await number(executor, 'process_id');
    const hanging = [executor.invoke('never_return', nothing), executor.invoke('never_return', nothing)];
    process.kill(pid, 'SIGKILL');
    for (const invocation of await Promise.allSettled(hanging)) {
      expect(invocation).toMatchObject({
        status: 'rejected',
        reason: { code: 'RFAAS_ERR_EXECUTOR_LOST', message: expect.stringContaining('SIGKILL') },
      });
    }
    await expectCoreIsFree(client);
    await client.close();
  });

  test('and had forked is lost all the same, and its child goes too', async () => {
    const client = await cluster.connect();
    const lease = await client.lease({ cores: 1 });
    const executor = await lease.allocate({ library: library.path }, { hotTimeout: 0 });
    const child = await number(executor, 'leave_child');
    const pid = await number(executor, 'process_id');
    expect(isRunning(child)).toBe(true);
    process.kill(pid, 'SIGKILL');
    expect(await executor.ended).toMatchObject({ code: 'RFAAS_ERR_EXECUTOR_LOST' });
    await until('the forked child ended', () => !isRunning(child));
    await expectCoreIsFree(client);
    await client.close();
  });
});

test('a manager that is killed takes executors with it, also those that never return', async () => {
  await using own = await LocalCluster.single({ cores: 1 });
  const client = await own.connect();
  const lease = await client.lease({ cores: 1 });
  const executor = await lease.allocate({ library: library.path }, { hotTimeout: 0 });
  const pid = await number(executor, 'process_id');
  const hanging = executor.invoke('never_return', nothing);
  own.node('node-0').kill('SIGKILL');
  await expect(hanging).rejects.toMatchObject({ code: 'RFAAS_ERR_EXECUTOR_LOST' });
  await until('the executor ended', () => !isRunning(pid));
  await client.close();
});

test('a second manager with the name of a connected one is refused and says so', async () => {
  await using own = await LocalCluster.start([{ cores: 1 }]);
  await expect(own.startNode('node-0', { cores: 1 })).rejects.toThrow(/status 1[\s\S]*node-0/);
  const client = await own.connect();
  expect((await client.lease({ cores: 1 })).node).toBe('node-0');
  await client.close();
});

test('a manager that runs out of descriptors refuses, and serves again when it has some', async () => {
  await using own = await LocalCluster.single({ cores: 1 });
  const node = own.node('node-0');
  const before = readdirSync(`/proc/${node.pid}/fd`).length;
  node.limitDescriptors(before + 30);
  const clients = await Promise.all(Array.from({ length: 64 }, () => own.connect()));
  const leases = await Promise.allSettled(clients.map((client) => client.lease({ cores: 1 })));
  expect(leases.some(({ status }) => status === 'rejected')).toBe(true);
  expect(isRunning(node.pid)).toBe(true);
  await Promise.all(clients.map((client) => client.close()));
  await until('descriptors are back', () => readdirSync(`/proc/${node.pid}/fd`).length <= before);
  const client = await own.connect();
  await expectCoreIsFree(client);
  await client.close();
});
