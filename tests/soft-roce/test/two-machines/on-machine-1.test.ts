import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Client } from '@rfaas/client';

import { compileFunctionLibrary, type CompiledLibrary } from '../../../support/compile-function-library.ts';
import { functionFile } from '../../../support/function-file.ts';
import { allocateWhenFree } from '../support/allocate-when-free.ts';
import { run } from '../support/guest.ts';
import { awaitNote, leaveNote } from './shared-note.ts';

let library: CompiledLibrary;
let node: { readonly url: string; readonly key: string };

beforeAll(async () => {
  library = await compileFunctionLibrary({ file: 'test-functions.c' });
  node = (await awaitNote('node', 100_000)) as typeof node;
}, 300_000);

afterAll(async () => {
  leaveNote('done', true);
  await library?.[Symbol.asyncDispose]();
});

function connect(): Client {
  return Client.direct(node.url, { nodeKey: Buffer.from(node.key, 'hex') });
}

test('functions of another machine are invoked', async () => {
  await using client = connect();
  await using lease = await client.lease({ cores: 1 });
  for (const hotTimeout of [-1, 0]) {
    await using executor = await lease.allocate({ library: library.path }, { hotTimeout });
    for (let round = 0; round < 100; round += 1) {
      expect(executor.invokeSync('echo', Uint8Array.of(round))).toEqual(Uint8Array.of(round));
    }
  }
  await using executor = await lease.allocate({ module: functionFile('test-functions.js') });
  expect(await executor.invoke('later', Uint8Array.of(1, 2))).toEqual(Uint8Array.of(1, 2));
});

test('a cable that is cut loses the executor, and the node serves again when it is mended', async () => {
  const client = connect();
  const lease = await client.lease({ cores: 1 });
  const executor = await lease.allocate({ library: library.path }, { hotTimeout: 0 });
  run('tc', 'qdisc', 'replace', 'dev', 'eth-a', 'root', 'netem', 'loss', '100%');
  try {
    await expect(executor.invoke('echo', Uint8Array.of(1))).rejects.toMatchObject({
      code: 'RFAAS_ERR_EXECUTOR_LOST',
    });
  } finally {
    run('tc', 'qdisc', 'delete', 'dev', 'eth-a', 'root');
  }
  await client.close();
  await using again = connect();
  await using newLease = await again.lease({ cores: 1 });
  await using executorAgain = await allocateWhenFree(newLease, { library: library.path }, { hotTimeout: 0 });
  expect(await executorAgain.invoke('echo', Uint8Array.of(5))).toEqual(Uint8Array.of(5));
}, 300_000);
