import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';

import { until } from '../support/processes.ts';
import { describeInLab } from './describe-in-lab.ts';
import { HostCluster, kindsAcrossHosts, transportUnavailable } from './host-cluster.ts';

/** After so long a silence a host counts as lost, for everybody here. */
const peerTimeoutMs = 2_000;

/** What a busy machine may add to the time-out; TCP itself would take minutes. */
const slackMs = 5_000;

const nodes = ['node-0', 'node-1', 'node-2'];

describe.each(kindsAcrossHosts)('%s', (kind) => {
  describeInLab(
    'a cluster on several hosts',
    () => severalHosts(kind),
    () => transportUnavailable(kind),
  );
});

function severalHosts(kind: string): void {
  let hosts: HostCluster;

  beforeAll(async () => {
    hosts = await HostCluster.start({ kind, nodes, others: ['client', 'other'], peerTimeoutMs });
  }, 60_000);
  afterEach(async () => hosts.endClients(), 60_000);
  afterAll(async () => hosts?.[Symbol.asyncDispose](), 60_000);

  test('leases on three nodes serve a client on a fourth host', async () => {
    const client = await hosts.clientOn('client', nodes);
    const texts = await Promise.all(nodes.map((node) => client.call('invoke', node, 'echo', `to ${node}`)));
    expect(texts).toEqual(nodes.map((node) => `to ${node}`));
    expect(await client.call('echoBytes', 'node-1', 60_000)).toBe(true);
    await client.call('close');
  }, 60_000);

  test('a host that is cut off fails its invocations in time; the others go on, and it comes back', async () => {
    const client = await hosts.clientOn('client', nodes.slice(0, 2));
    const other = await hosts.clientOn('other', ['node-2']);
    const lost = client.outcome('invoke', 'node-0', 'never_return', '');
    const ended = client.outcome('ended', 'node-0');
    expect(await client.call('invoke', 'node-1', 'echo', 'before')).toBe('before');
    const before = hosts.registrations('node-0');
    await hosts.lab.host('node-0').cut();
    const cutAt = performance.now();
    try {
      const { error } = await lost;
      expect(performance.now() - cutAt).toBeLessThan(peerTimeoutMs + slackMs);
      expect(error?.code).toBe('RFAAS_ERR_EXECUTOR_LOST');
      expect(error?.message).toMatch(/node-0 .*(nothing was heard|connection)/);
      expect((await ended).result).toMatch(/node-0/);
      expect(await client.call('invoke', 'node-1', 'echo', 'after')).toBe('after');
      expect(await other.call('invoke', 'node-2', 'echo', 'after')).toBe('after');
      await hosts.cluster.resourceManager.logged('node gone');
      const refused = await other.outcome('lease', 'again', { cores: 1, node: 'node-0' });
      expect(refused.error?.code).toMatch(/NODE_UNKNOWN|NO_CAPACITY/);
    } finally {
      await hosts.lab.host('node-0').mend();
    }
    await until('node-0 is back', () => hosts.registrations('node-0') > before, 30_000);
    // Its lease outlived the cut, and is the client's to give back.
    await client.call('close');
    const again = await hosts.clientOn('other', ['node-0']);
    expect(await again.call('invoke', 'node-0', 'echo', 'back')).toBe('back');
  }, 120_000);

  test('one lease on three hosts: one is cut off amid an invocation, the others go on, and it comes back', async () => {
    const client = await hosts.connectedClient('client');
    await hosts.leaseOnce(client, 'all', { nodes: nodes.length, coresPerNode: 1 });
    for (const node of nodes) {
      await hosts.allocate(client, node, 'all', node);
    }
    const invokeAll = (on: readonly string[], text: string): Promise<unknown[]> =>
      Promise.all(on.map((node) => client.call('invoke', node, 'echo', `${text} ${node}`)));
    expect(await invokeAll(nodes, 'to')).toEqual(nodes.map((node) => `to ${node}`));
    const [cut = '', ...others] = nodes.toReversed();
    const before = hosts.registrations(cut);
    const lost = client.outcome('invoke', cut, 'never_return', '');
    await hosts.lab.host(cut).cut();
    const cutAt = performance.now();
    try {
      // They answer while the lost one is still waited for, and after.
      expect(await invokeAll(others, 'during')).toEqual(others.map((node) => `during ${node}`));
      const { error } = await lost;
      expect(performance.now() - cutAt).toBeLessThan(peerTimeoutMs + slackMs);
      expect(error?.code).toBe('RFAAS_ERR_EXECUTOR_LOST');
      expect(await invokeAll(others, 'after')).toEqual(others.map((node) => `after ${node}`));
    } finally {
      await hosts.lab.host(cut).mend();
    }
    await until(`${cut} is back`, () => hosts.registrations(cut) > before, 30_000);
    expect(await invokeAll(others, 'still')).toEqual(others.map((node) => `still ${node}`));
    await client.call('close');
    const again = await hosts.clientOn('other', [cut]);
    expect(await again.call('invoke', cut, 'echo', 'back')).toBe('back');
  }, 120_000);

  test('a synchronous call of a host that is cut off fails in time, too', async () => {
    const client = await hosts.clientOn('client', ['node-2']);
    const lost = client.outcome('hangSync', 'node-2');
    const before = hosts.registrations('node-2');
    await hosts.lab.host('node-2').cut();
    try {
      const { error, milliseconds } = await lost;
      expect(error?.code).toBe('RFAAS_ERR_EXECUTOR_LOST');
      expect(milliseconds).toBeLessThan(peerTimeoutMs + slackMs);
    } finally {
      await hosts.lab.host('node-2').mend();
    }
    await until('node-2 is back', () => hosts.registrations('node-2') > before, 30_000);
  }, 60_000);

  test('a client that is cut off is gone: its cores serve others', async () => {
    const client = await hosts.clientOn('client', ['node-1']);
    expect(await client.call('invoke', 'node-1', 'echo', 'here')).toBe('here');
    await hosts.lab.host('client').cut();
    try {
      // Whoever misses the client first: the node itself, or the resource manager, which then ends the lease.
      const ended = /"reason":"client-gone"|"text":"the lease was ended"/;
      await until('the executor is ended', () => ended.test(hosts.cluster.node('node-1').log), 20_000);
      const other = await hosts.clientOn('other', ['node-1']);
      expect(await other.call('invoke', 'node-1', 'echo', 'mine')).toBe('mine');
    } finally {
      await hosts.lab.host('client').mend();
    }
    const { error } = await client.outcome('invoke', 'node-1', 'echo', 'late');
    expect(error?.code).toBe('RFAAS_ERR_EXECUTOR_LOST');
  }, 120_000);

  test('a client that waits synchronously for longer than the time-out is not taken for gone', async () => {
    const client = await hosts.clientOn('client', ['node-0']);
    expect(await client.call('sleepSync', 'node-0', 2 * peerTimeoutMs)).toBe(4);
    expect(await client.call('invoke', 'node-0', 'echo', 'still here')).toBe('still here');
  }, 60_000);
}
