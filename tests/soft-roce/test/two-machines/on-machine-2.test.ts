import { expect, test } from '@jest/globals';

import { LocalCluster } from '../../../support/local-cluster.ts';
import { isRunning } from '../../../support/processes.ts';
import { awaitNote, leaveNote } from './shared-note.ts';

test('a node serves the other machine and outlives what happens to it', async () => {
  await using cluster = await LocalCluster.single({ cores: 1 });
  const node = cluster.node('node-0');
  const key = Buffer.from(cluster.nodeKey('node-0')).toString('hex');
  leaveNote('node', { url: node.url, key });
  await awaitNote('done', 600_000);
  expect(isRunning(node.pid)).toBe(true);
}, 900_000);
