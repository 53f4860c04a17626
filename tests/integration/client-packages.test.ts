import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { readFile } from 'node:fs/promises';

import type { Client, Lease } from '@rfaas/client';
import { compileFunctionLibrary } from '../support/compile-function-library.ts';
import { LocalCluster } from '../support/local-cluster.ts';
import { patience } from '../support/patience.ts';

jest.setTimeout(60_000 * patience);

let cluster: LocalCluster;
let client: Client;
let lease: Lease;

beforeAll(async () => {
  cluster = await LocalCluster.single({ cores: 1 });
  client = await cluster.connect();
  lease = await client.lease({ cores: 1 });
});

afterAll(async () => {
  await client?.close();
  await cluster?.[Symbol.asyncDispose]();
});

async function expectStillUsable(): Promise<void> {
  await using executor = await lease.allocate(
    { module: { source: 'export const one = () => 1;' } },
    { hotTimeout: 0 },
  );
  expect((await executor.invoke('one', new Uint8Array(0))).byteLength).toBe(1);
}

test('a library is sent from bytes as well as from a file', async () => {
  await using library = await compileFunctionLibrary({
    text: '#include <stdint.h>\nuint32_t four(void *i, uint32_t n, void *o) { (void)i; (void)n; (void)o; return 4; }',
  });
  await using executor = await lease.allocate({ library: await readFile(library.path) }, { hotTimeout: 0 });
  expect(executor.functions).toEqual(['four']);
  expect((await executor.invoke('four', new Uint8Array(0))).byteLength).toBe(4);
});

test('a library that lacks a symbol does not load, and the error names it', async () => {
  await using library = await compileFunctionLibrary({
    text: '#include <stdint.h>\nextern uint32_t nowhere_to_be_found(void);\nuint32_t f(void *i, uint32_t n, void *o) { (void)i; (void)n; (void)o; return nowhere_to_be_found(); }',
  });
  await expect(lease.allocate({ library: library.path })).rejects.toMatchObject({
    code: 'RFAAS_ERR_PACKAGE',
    message: expect.stringContaining('nowhere_to_be_found'),
  });
  await expectStillUsable();
});

test('a library whose constructor crashes ends the allocation with the signal', async () => {
  await using library = await compileFunctionLibrary({
    text: '#include <stdint.h>\n#include <stdlib.h>\n__attribute__((constructor)) static void start(void) { abort(); }\nuint32_t f(void *i, uint32_t n, void *o) { (void)i; (void)n; (void)o; return 0; }',
  });
  await expect(lease.allocate({ library: library.path })).rejects.toMatchObject({
    code: 'RFAAS_ERR_ALLOCATION_FAILED',
    message: expect.stringContaining('SIGABRT'),
  });
  await expectStillUsable();
});

test('a module whose import the node does not have does not load, and the error names it', async () => {
  const source = "import 'no-such-package-anywhere'; export const f = () => 0;";
  await expect(lease.allocate({ module: { source } })).rejects.toMatchObject({
    code: 'RFAAS_ERR_PACKAGE',
    message: expect.stringContaining('no-such-package-anywhere'),
  });
  await expectStillUsable();
});

test('a module that throws while it loads, or exports no function, does not load', async () => {
  const thrower = "throw new Error('not today'); export const f = () => 0;";
  await expect(lease.allocate({ module: { source: thrower } })).rejects.toMatchObject({
    code: 'RFAAS_ERR_PACKAGE',
    message: expect.stringContaining('not today'),
  });
  await expect(lease.allocate({ module: { source: 'export const number = 5;' } })).rejects.toMatchObject({
    code: 'RFAAS_ERR_PACKAGE',
  });
  await expectStillUsable();
});

test('an allocation is given up on a signal, and its cores come back', async () => {
  const controller = new AbortController();
  const source = 'await new Promise(() => undefined); export const f = () => 0;';
  const allocation = lease.allocate({ module: { source } }, { signal: controller.signal });
  setTimeout(() => controller.abort(), 300);
  await expect(allocation).rejects.toMatchObject({ code: 'RFAAS_ERR_ABORTED' });
  await expectStillUsable();
});

test(
  'an allocation may be given up at any moment',
  async () => {
    await using library = await compileFunctionLibrary({ file: 'test-functions.c' });
    // What was asked for a moment before has to be ended, too, although nothing is known of it yet.
    // On emulated processors these moments are further apart.
    for (let delay = 0; delay < 12 * patience; delay += patience === 1 ? 1 : 24) {
      const controller = new AbortController();
      const allocation = lease.allocate({ library: library.path }, { signal: controller.signal });
      const refused = expect(allocation).rejects.toMatchObject({ code: 'RFAAS_ERR_ABORTED' });
      await new Promise((resolve) => setTimeout(resolve, delay));
      controller.abort();
      await refused;
      await expectStillUsable();
    }
  },
  60_000 * patience,
);
