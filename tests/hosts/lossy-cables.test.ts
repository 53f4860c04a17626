import { describe, expect, test } from '@jest/globals';

import { describeInLab } from './describe-in-lab.ts';
import { HostCluster, kindsAcrossHosts, transportUnavailable } from './host-cluster.ts';

// With the time-outs that everybody has: TCP whose handshake lost a packet waits for three seconds where it loses another.
describe.each(kindsAcrossHosts)('%s', (kind) => {
  describeInLab(
    'a cluster with bad cables',
    () => {
      test('slow and lossy cables make it slow, and nothing is lost', async () => {
        await using hosts = await HostCluster.start({ kind, nodes: ['node-0'], others: ['client'] });
        await hosts.lab.host('node-0').impair({ delayMs: 10, lossPercent: 2 });
        await hosts.lab.host('client').impair({ delayMs: 5, lossPercent: 1 });
        const client = await hosts.clientOn('client', ['node-0']);
        for (let index = 0; index < 20; index += 1) {
          expect(await client.call('invoke', 'node-0', 'echo', `${index}`)).toBe(`${index}`);
        }
        expect(await client.call('echoBytes', 'node-0', 60_000)).toBe(true);
        await client.call('close');
      }, 120_000);
    },
    () => transportUnavailable(kind),
  );
});
