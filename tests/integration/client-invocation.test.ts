import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { Client, Executor, Lease } from '@rfaas/client';
import { compileFunctionLibrary, type CompiledLibrary } from '../support/compile-function-library.ts';
import { LocalCluster } from '../support/local-cluster.ts';
import { patience } from '../support/patience.ts';
import { functionFile } from '../support/function-file.ts';
import { mapsMemory } from '../support/test-transport.ts';

jest.setTimeout(60_000 * patience);

let cluster: LocalCluster;
let library: CompiledLibrary;
let client: Client;
const module = functionFile('test-functions.js');

beforeAll(async () => {
  library = await compileFunctionLibrary({ file: 'test-functions.c' });
  cluster = await LocalCluster.start([{ cores: 4 }]);
  client = await cluster.connect();
});

afterAll(async () => {
  await client?.close();
  await cluster?.[Symbol.asyncDispose]();
  await library?.[Symbol.asyncDispose]();
});

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function text(output: Uint8Array): string {
  return new TextDecoder().decode(output);
}

function doubles(...values: number[]): Uint8Array {
  return new Uint8Array(Float64Array.from(values).buffer);
}

describe('a native library', () => {
  let lease: Lease;
  let executor: Executor;

  beforeAll(async () => {
    lease = await client.lease({ cores: 1 });
    executor = await lease.allocate({ library: library.path }, { hotTimeout: 50 });
  });

  afterAll(async () => {
    await lease?.release();
  });

  test('tells its functions', () => {
    expect(executor.functions).toContain('echo');
    expect(executor.threads).toBe(1);
    expect(executor.node).toBe('node-0');
  });

  test('is invoked with bytes, which are copied both ways', async () => {
    expect(text(await executor.invoke('echo', bytes('hello')))).toBe('hello');
    expect(text(executor.invokeSync('echo', bytes('hello again')))).toBe('hello again');
    expect((await executor.invoke('empty', new Uint8Array(0))).byteLength).toBe(0);
  });

  test('is invoked on shared buffers, and where memory maps nothing is copied', () => {
    const input = executor.allocateInput(4 * 8);
    const output = executor.allocateOutput(8);
    expect(input.isMapped).toBe(mapsMemory);
    const sum = executor.function('sum');
    for (let round = 0; round < 1000; round += 1) {
      input.as(Float64Array).set([round, 1, 2, 3]);
      expect(sum.invokeSync(input, output)).toBe(8);
      expect(output.as(Float64Array)[0]).toBe(round + 6);
    }
    input.free();
    output.free();
  });

  test('is invoked for many buffers at once, also when some of the functions fail', async () => {
    const inputs = Array.from({ length: 50 }, () => executor.allocateInput(8));
    const outputs = inputs.map(() => executor.allocateOutput(8));
    try {
      const echo = executor.function('echo');
      for (let round = 0; round < 100; round += 1) {
        inputs.forEach((input, index) => input.as(Float64Array).fill(round * 50 + index));
        const lengths = echo.invokeAllSync(inputs, outputs, { deadlineMs: 20_000 });
        expect(new Set(lengths)).toEqual(new Set([8]));
        expect(outputs.map((output) => output.as(Float64Array)[0])).toEqual(
          inputs.map((_, index) => round * 50 + index),
        );
      }
      expect(() => executor.function('return_too_much').invokeAllSync(inputs, outputs)).toThrow(
        expect.objectContaining({ code: 'RFAAS_ERR_OUTPUT_TOO_LARGE' }),
      );
      expect(echo.invokeAllSync(inputs, outputs)).toHaveLength(50);
    } finally {
      for (const buffer of [...inputs, ...outputs]) buffer.free();
    }
  });

  test('takes inputs of every size up to its slot', async () => {
    for (const byteLength of [1, 63, 64, 65, 4095, 4096, 4097, 100_000, 1024 * 1024]) {
      const input = Uint8Array.from({ length: byteLength }, (_, index) => index * 7);
      expect(Buffer.compare(await executor.invoke('echo', input), input)).toBe(0);
    }
  });

  test('uses frames of 6 MiB', () => {
    expect(text(executor.invokeSync('deep_stack', bytes('deep')))).toBe('deep');
  });

  test('is invoked more often than there are invocation ids', () => {
    const echo = executor.function('echo');
    const inputs = Array.from({ length: 50 }, () => executor.allocateInput(4));
    const outputs = inputs.map(() => executor.allocateOutput(4));
    const sent = inputs.map((input) => input.as(Uint32Array));
    const received = outputs.map((output) => output.as(Uint32Array));
    for (let number = 1; number <= 70_000; number += inputs.length) {
      sent.forEach((words, index) => words.fill(number + index));
      echo.invokeAllSync(inputs, outputs);
      const wrong = received.findIndex(([word], index) => word !== number + index);
      if (wrong >= 0) throw new Error(`invocation ${number + wrong} answered ${received[wrong]![0]}`);
    }
    for (const buffer of [...inputs, ...outputs]) buffer.free();
  });

  test('is woken after it fell asleep', async () => {
    for (let round = 0; round < 3; round += 1) {
      // Twice the hot timeout: the thread sleeps by then, and must be found awake again.
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(text(executor.invokeSync('echo', bytes('wake up')))).toBe('wake up');
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(text(await executor.invoke('echo', bytes('wake up')))).toBe('wake up');
    }
  });

  test('has many invocations in flight, and more that wait', async () => {
    const results = await Promise.all(
      Array.from({ length: 500 }, (_, index) => executor.invoke('sum', doubles(index, 0.5))),
    );
    results.forEach((result, index) => {
      expect(new DataView(result.buffer).getFloat64(0, true)).toBe(index + 0.5);
    });
  });
});

describe('a JavaScript module', () => {
  test('runs functions and promises of functions', async () => {
    await using lease = await client.lease({ cores: 1 });
    const executor = await lease.allocate({ module });
    expect(text(await executor.invoke('shout', bytes('quiet')))).toBe('QUIET');
    expect(text(await executor.invoke('later', bytes('patience')))).toBe('patience');
    expect(text(executor.invokeSync('echo', bytes('sync')))).toBe('sync');
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, index) => executor.invoke('later', bytes(String(index)))),
    );
    expect(results.map(text)).toEqual(Array.from({ length: 50 }, (_, index) => String(index)));
  });
});

describe('polling', () => {
  test.each([
    ['always warm', 0],
    ['always hot', -1],
  ])('%s answers', async (_name, hotTimeout) => {
    await using lease = await client.lease({ cores: 1 });
    const executor = await lease.allocate({ library: library.path }, { hotTimeout });
    for (let round = 0; round < 100; round += 1) {
      expect(executor.invokeSync('echo', Uint8Array.of(round))[0]).toBe(round);
    }
    expect((await executor.invoke('echo', Uint8Array.of(1)))[0]).toBe(1);
  });
});

describe('several cores', () => {
  test('share the inputs of a map, whose outputs come in order', async () => {
    await using lease = await client.lease({ cores: 3 });
    const executor = await lease.allocate({ library: library.path }, { hotTimeout: 0 });
    expect(executor.threads).toBe(3);
    const inputs = Array.from({ length: 300 }, (_, index) => doubles(index, index));
    const outputs = await executor.map('sum', inputs);
    expect(outputs.map((output) => new DataView(output.buffer).getFloat64(0, true))).toEqual(
      inputs.map((_, index) => 2 * index),
    );
  });

  test('work at the same time', async () => {
    await using lease = await client.lease({ cores: 3 });
    const executor = await lease.allocate({ library: library.path }, { hotTimeout: 0 });
    const sleep = new Uint8Array(Uint32Array.of(300).buffer);
    const start = performance.now();
    await executor.map('sleep_then_write', [sleep, sleep, sleep]);
    expect(performance.now() - start).toBeLessThan(800);
  });
});

describe('leases', () => {
  test('are used by several executors, one after the other and at once', async () => {
    await using lease = await client.lease({ cores: 2 });
    const first = await lease.allocate({ library: library.path }, { cores: 1, hotTimeout: 0 });
    const second = await lease.allocate({ module }, { cores: 1, hotTimeout: 0 });
    expect(lease.executors).toHaveLength(2);
    expect(text(await first.invoke('echo', bytes('one')))).toBe('one');
    expect(text(await second.invoke('echo', bytes('two')))).toBe('two');
    await expect(lease.allocate({ module }, { cores: 1 })).rejects.toMatchObject({
      code: 'RFAAS_ERR_NO_CAPACITY',
    });
    await first.deallocate();
    const third = await lease.allocate({ library: library.path }, { cores: 1, hotTimeout: 0 });
    const calls = await third.invoke('count_calls', new Uint8Array(0));
    expect(calls).toEqual(Uint8Array.of(1, 0, 0, 0));
    expect(lease.executors).toHaveLength(2);
  });

  test('tell what was used, and give their cores back', async () => {
    for (let round = 0; round < 3; round += 1) {
      const lease = await client.lease({ cores: 4 });
      const executor = await lease.allocate({ library: library.path }, { hotTimeout: 0, cores: 1 });
      for (let count = 0; count < 10; count += 1) executor.invokeSync('echo', bytes('x'));
      await executor.deallocate();
      const usage = await lease.release();
      expect(usage).toMatchObject({ allocations: 1, invocations: 10 });
      expect(usage?.coreNanoseconds).toBeGreaterThan(0);
      expect(await lease.release()).toEqual(usage);
      await expect(lease.allocate({ module })).rejects.toMatchObject({ code: 'RFAAS_ERR_LEASE_TERMINATED' });
    }
  });

  test('of more cores than there are, or of none, are refused', async () => {
    await expect(client.lease({ cores: 1000 })).rejects.toMatchObject({ code: 'RFAAS_ERR_NO_CAPACITY' });
    await expect(client.lease({ cores: 0 })).rejects.toMatchObject({ code: 'RFAAS_ERR_USAGE' });
    await expect(client.lease({ cores: -2 })).rejects.toMatchObject({ code: 'RFAAS_ERR_USAGE' });
    await expect(client.lease({ cores: 1, node: 'nowhere' })).rejects.toMatchObject({
      code: 'RFAAS_ERR_NODE_UNKNOWN',
    });
  });
});
