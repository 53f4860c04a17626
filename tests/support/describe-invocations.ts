import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { Client } from '@rfaas/client';
import { compileFunctionLibrary, type CompiledLibrary } from './compile-function-library.ts';
import { functionFile } from './function-file.ts';
import type { LocalCluster } from './local-cluster.ts';
import { transportObstacle } from './transport-obstacle.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (output: Uint8Array): string => new TextDecoder().decode(output);

/**
 * The whole system on a transport, end to end: resource manager, executor manager, executor and client, native and JavaScript
 * functions, hot and warm, and the bill. One call a test file.
 */
export function describeInvocations(url: string): void {
  const reason = whyNot(url);
  if (reason !== null) {
    test.skip(`${url} is not available: ${reason}`, () => undefined);
    return;
  }
  jest.setTimeout(60_000);
  describe(`rFaaS over ${url}`, () => {
    let cluster: LocalCluster;
    let client: Client;
    let library: CompiledLibrary;

    beforeAll(async () => {
      process.env['RFAAS_TEST_TRANSPORT'] = url;
      library = await compileFunctionLibrary({ file: 'test-functions.c' });
      cluster = await (await import('./local-cluster.ts')).LocalCluster.start([{ cores: 2 }]);
      client = await cluster.connect();
    });

    afterAll(async () => {
      await client?.close();
      await cluster?.[Symbol.asyncDispose]();
      await library?.[Symbol.asyncDispose]();
    });

    test.each([
      ['hot', -1],
      ['warm', 0],
    ])('a native library is invoked %s and billed', async (_name, hotTimeout) => {
      const lease = await client.lease({ cores: 1 });
      const executor = await lease.allocate({ library: library.path }, { hotTimeout });
      for (let round = 0; round < 100; round += 1) {
        expect(executor.invokeSync('echo', Uint8Array.of(round))[0]).toBe(round);
      }
      for (const byteLength of [0, 1, 4097, 300_000, 1024 * 1024]) {
        const input = Uint8Array.from({ length: byteLength }, (_, index) => index * 7);
        expect(Buffer.compare(await executor.invoke('echo', input), input)).toBe(0);
      }
      await executor.deallocate();
      const usage = await lease.release();
      expect(usage).toMatchObject({ allocations: 1, invocations: 105 });
      expect(usage?.coreNanoseconds).toBeGreaterThan(0);
    });

    test.each([
      ['hot', -1],
      ['warm', 0],
    ])('a JavaScript module is invoked %s', async (_name, hotTimeout) => {
      await using lease = await client.lease({ cores: 1 });
      const executor = await lease.allocate({ module: functionFile('test-functions.js') }, { hotTimeout });
      expect(text(await executor.invoke('shout', bytes('quiet')))).toBe('QUIET');
      expect(text(executor.invokeSync('echo', bytes('sync')))).toBe('sync');
      const results = await Promise.all(
        Array.from({ length: 50 }, (_, index) => executor.invoke('later', bytes(String(index)))),
      );
      expect(results.map(text)).toEqual(Array.from({ length: 50 }, (_, index) => String(index)));
    });

    test('both servers end in an orderly way when they are told to: no library has taken their signals', async () => {
      const { LocalCluster } = await import('./local-cluster.ts');
      await using other = await LocalCluster.start([{ cores: 1 }]);
      expect(await other.node('node-0').stop()).toEqual({ code: 0, signal: null });
      expect(await other.resourceManager.stop()).toEqual({ code: 0, signal: null });
    });
  });
}

/** Why the transport cannot be tested here, or null; throws where RFAAS_REQUIRE_TRANSPORTS says that it is required. */
function whyNot(url: string): string | null {
  const obstacle = transportObstacle(url);
  const { name, endpoint } = /\+(?<name>[^:]+):.*endpoint=(?<endpoint>\w+)/.exec(url)?.groups ?? {};
  const required = (process.env['RFAAS_REQUIRE_TRANSPORTS'] ?? '').split(',');
  if (obstacle !== null && required.includes(`libfabric:${name};${endpoint}`)) throw new Error(obstacle);
  return obstacle;
}
