import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { RfaasError, type Client, type Executor, type Lease } from '@rfaas/client';
import { compileFunctionLibrary, type CompiledLibrary } from '../support/compile-function-library.ts';
import { functionFile } from '../support/function-file.ts';
import { LocalCluster } from '../support/local-cluster.ts';
import { patience } from '../support/patience.ts';

jest.setTimeout(60_000 * patience);

let cluster: LocalCluster;
let library: CompiledLibrary;
let client: Client;
let lease: Lease;
const module = functionFile('test-functions.js');

beforeAll(async () => {
  library = await compileFunctionLibrary({ file: 'test-functions.c' });
  cluster = await LocalCluster.single({ cores: 1 });
  client = await cluster.connect();
  lease = await client.lease({ cores: 1 });
});

afterAll(async () => {
  await client?.close();
  await cluster?.[Symbol.asyncDispose]();
  await library?.[Symbol.asyncDispose]();
});

function native(options: { slots?: number; outputBytes?: number } = {}): Promise<Executor> {
  return lease.allocate(
    { library: library.path },
    { hotTimeout: 0, inputBytes: 4096, outputBytes: 4096, ...options },
  );
}

function number(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

function errorOf(call: () => unknown): RfaasError {
  try {
    call();
  } catch (error) {
    if (error instanceof RfaasError) return error;
    throw error;
  }
  throw new Error('expected an error');
}

describe('a function that', () => {
  test('is not in the package is refused here, with names that look alike', async () => {
    await using executor = await native();
    await expect(executor.invoke('ecko', number(1))).rejects.toMatchObject({
      code: 'RFAAS_ERR_FUNCTION_NOT_FOUND',
      message: expect.stringContaining('did you mean "echo"'),
    });
  });

  test('throws or rejects tells why, and the executor goes on', async () => {
    await using executor = await lease.allocate({ module }, { hotTimeout: 0 });
    const failure = { code: 'RFAAS_ERR_FUNCTION_FAILED', message: expect.stringContaining('on purpose') };
    await expect(executor.invoke('fail', number(1))).rejects.toMatchObject(failure);
    await expect(executor.invoke('reject', number(1))).rejects.toMatchObject(failure);
    expect(errorOf(() => executor.invokeSync('fail', number(1)))).toMatchObject(failure);
    await expect(executor.invoke('writeTooMuch', number(1))).rejects.toMatchObject({
      code: 'RFAAS_ERR_FUNCTION_FAILED',
    });
    expect(await executor.invoke('echo', number(7))).toEqual(number(7));
  });

  test('returns a length beyond its buffer is an error with both sizes', async () => {
    const executor = await native();
    await expect(executor.invoke('return_too_much', number(1))).rejects.toMatchObject({
      code: 'RFAAS_ERR_OUTPUT_TOO_LARGE',
      message: expect.stringMatching(/2147483647.*4096/),
    });
    await executor.deallocate();
    await using scripted = await lease.allocate({ module }, { hotTimeout: 0 });
    await expect(scripted.invoke('claimTooMuch', number(1))).rejects.toMatchObject({
      code: 'RFAAS_ERR_OUTPUT_TOO_LARGE',
    });
  });

  test('gets an input larger than its slot is not even invoked', async () => {
    await using executor = await native();
    await expect(executor.invoke('echo', new Uint8Array(4097))).rejects.toMatchObject({
      code: 'RFAAS_ERR_INPUT_TOO_LARGE',
      details: { inputBytes: 4097, capacity: 4096 },
    });
  });
});

describe('an executor that', () => {
  test.each([
    ['dereference_null', 'SIGSEGV'],
    ['call_abort', 'SIGABRT'],
    ['fork_and_die', 'SIGKILL'],
  ])('runs %s is lost with %s, and the lease can allocate again', async (name, signal) => {
    const executor = await native();
    const inFlight = [executor.invoke(name, number(1)), executor.invoke('echo', number(2))];
    for (const result of await Promise.allSettled(inFlight)) {
      if (result.status === 'fulfilled') continue;
      expect(result.reason).toMatchObject({
        code: 'RFAAS_ERR_EXECUTOR_LOST',
        message: expect.stringContaining(signal),
        details: { signal },
      });
    }
    expect(await executor.ended).toMatchObject({ code: 'RFAAS_ERR_EXECUTOR_LOST' });
    await using again = await native();
    expect(await again.invoke('echo', number(5))).toEqual(number(5));
  });

  test('crashes under a synchronous call is lost there and then', async () => {
    const executor = await native();
    expect(errorOf(() => executor.invokeSync('dereference_null', number(1)))).toMatchObject({
      code: 'RFAAS_ERR_EXECUTOR_LOST',
    });
    expect(await executor.ended).toMatchObject({ message: expect.stringContaining('SIGSEGV') });
    expect(errorOf(() => executor.invokeSync('echo', number(1))).message).toContain('SIGSEGV');
  });

  test('calls exit is lost with its status', async () => {
    const executor = await native();
    await expect(executor.invoke('call_exit', number(1))).rejects.toMatchObject({
      code: 'RFAAS_ERR_EXECUTOR_LOST',
      details: { exitCode: 3 },
    });
  });

  test('writes beyond its buffer meets the guard page', async () => {
    const executor = await native();
    expect((await executor.invoke('write_bytes', number(4096))).byteLength).toBe(4096);
    const output = executor.allocateOutput(128);
    await expect(executor.invoke('write_bytes', number(129), { output })).rejects.toMatchObject({
      code: 'RFAAS_ERR_EXECUTOR_LOST',
      message: expect.stringContaining('SIGSEGV'),
    });
  });

  test('never returns passes its deadline and is killed when it is deallocated', async () => {
    const executor = await native();
    await expect(executor.invoke('never_return', number(1), { deadlineMs: 50 })).rejects.toMatchObject({
      code: 'RFAAS_ERR_DEADLINE',
    });
    await executor.deallocate();
    await using again = await native();
    expect(await again.invoke('echo', number(5))).toEqual(number(5));
  });
});

describe('a deadline', () => {
  test('leaves slot and output in use until the late reply', async () => {
    await using executor = await native({ slots: 2 });
    const output = executor.allocateOutput(4);
    const late = executor.invoke('sleep_then_write', number(300), { deadlineMs: 20, output });
    await expect(late).rejects.toMatchObject({ code: 'RFAAS_ERR_DEADLINE' });
    output.bytes.fill(1);
    await expect(executor.invoke('echo', number(1), { output })).rejects.toMatchObject({
      code: 'RFAAS_ERR_BUSY',
    });
    // Runs after the slow one on the only thread, in the other slot: its reply comes behind the late one.
    expect(await executor.invoke('echo', number(9))).toEqual(number(9));
    expect([...output.bytes]).toEqual([0xee, 0xee, 0xee, 0xee]);
    expect(await executor.invoke('echo', number(2), { output })).toEqual(number(2));
  });

  test('also ends a synchronous call', async () => {
    await using executor = await native();
    const start = performance.now();
    expect(
      errorOf(() => executor.invokeSync('sleep_then_write', number(400), { deadlineMs: 50 })),
    ).toMatchObject({ code: 'RFAAS_ERR_DEADLINE' });
    expect(performance.now() - start).toBeLessThan(350);
    expect(executor.invokeSync('echo', number(3))).toEqual(number(3));
  });

  test('and a signal both end an asynchronous JavaScript function that never settles', async () => {
    await using executor = await lease.allocate({ module }, { hotTimeout: 0 });
    await expect(executor.invoke('never', number(1), { deadlineMs: 30 })).rejects.toMatchObject({
      code: 'RFAAS_ERR_DEADLINE',
    });
    const signal = AbortSignal.timeout(30);
    await expect(executor.invoke('never', number(1), { signal })).rejects.toMatchObject({
      code: 'RFAAS_ERR_ABORTED',
    });
    expect(await executor.invoke('echo', number(1))).toEqual(number(1));
  });
});

describe('after', () => {
  test('deallocate nothing can be invoked, and deallocating again is fine', async () => {
    const executor = await native();
    const inFlight = executor.invoke('sleep_then_write', number(200));
    const deallocation = executor.deallocate();
    await expect(inFlight).rejects.toMatchObject({ code: 'RFAAS_ERR_CLOSED' });
    await deallocation;
    await executor.deallocate();
    await expect(executor.invoke('echo', number(1))).rejects.toMatchObject({
      code: 'RFAAS_ERR_CLOSED',
      message: expect.stringContaining('was deallocated'),
    });
    expect(errorOf(() => executor.invokeSync('echo', number(1))).code).toBe('RFAAS_ERR_CLOSED');
  });
});
