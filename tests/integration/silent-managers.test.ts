import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';

import { LocalCluster } from '../support/local-cluster.ts';
import { until } from '../support/processes.ts';

let cluster: LocalCluster;

beforeEach(async () => {
  cluster = await LocalCluster.create();
  await cluster.startResourceManager({ node_timeout_ms: 500 });
  await cluster.startNode('node-0', { config: { peer_timeout_ms: 500 } });
}, 40_000);

afterEach(async () => {
  await cluster?.[Symbol.asyncDispose]();
}, 40_000);

async function nodeState(): Promise<string | undefined> {
  const token = readFileSync(cluster.tokenFile, 'utf8').trim();
  const response = await fetch(new URL('/nodes', String(cluster.resourceManager.ready.httpUrl)), {
    headers: { authorization: `Bearer ${token}` },
  });
  const nodes = (await response.json()) as { readonly name: string; readonly state: string }[];
  return nodes.find(({ name }) => name === 'node-0')?.state;
}

test('a node that stands still is lost, and is back once it goes on', async () => {
  const node = cluster.node('node-0');
  expect(await nodeState()).toBe('connected');
  node.kill('SIGSTOP');
  await cluster.resourceManager.logged('node gone');
  // It is suspect first.
  await until('the node is lost', async () => (await nodeState()) === 'lost');
  node.kill('SIGCONT');
  await until('the node registered again', () => registrations(cluster.resourceManager.log) >= 2);
  // On a busy machine half a second may pass in silence once more.
  await until('the node is connected', async () => (await nodeState()) === 'connected');
}, 40_000);

test('a resource manager that stands still is left, and found again once it goes on', async () => {
  const node = cluster.node('node-0');
  cluster.resourceManager.kill('SIGSTOP');
  await node.logged('nothing was heard of the peer');
  cluster.resourceManager.kill('SIGCONT');
  await until('the node registered again', () => registrations(cluster.resourceManager.log) >= 2);
  // On a busy machine half a second may pass in silence once more.
  await until('the node is connected', async () => (await nodeState()) === 'connected');
}, 40_000);

function registrations(log: string): number {
  return log.split('node registered').length - 1;
}
