import { afterEach, describe, expect, test } from '@jest/globals';
import { ConnectionRefusedError } from '@rfaas/rdmalib';
import { completeAllocateOptions, type AllocateOptions } from '../src/allocate-options.ts';
import { allocateExecutor } from '../src/allocation.ts';
import { Executor } from '../src/executor.ts';
import type { FunctionPackage } from '../src/functions/function-package.ts';
import { openLanding } from '../src/landing.ts';
import { loadNativeLoops } from '../src/native-loops.ts';
import { PlayedNode, type PlayedBehaviour } from './played-executor.ts';

const functionPackage: FunctionPackage = {
  kind: 'javascript',
  name: 'echo.js',
  bytes: new TextEncoder().encode('export const echo = () => 0;'),
  sha256: 'c'.repeat(64),
};

const nodes: PlayedNode[] = [];
const executors: Executor[] = [];

afterEach(async () => {
  for (const executor of executors.splice(0)) await executor.deallocate();
  for (const node of nodes.splice(0)) await node[Symbol.asyncDispose]();
});

function play(behaviour: PlayedBehaviour = {}): PlayedNode {
  const node = new PlayedNode(behaviour);
  nodes.push(node);
  return node;
}

async function allocate(node: PlayedNode, allocateOptions: AllocateOptions = {}): Promise<Executor> {
  const options = completeAllocateOptions(
    { inputBytes: 4096, outputBytes: 4096, ...allocateOptions },
    node.grant.cores,
  );
  const { grant, session } = node;
  const allocation = await allocateExecutor({
    grant,
    session,
    functionPackage,
    landing: await openLanding(grant.url),
    options,
    memoryMiB: 32,
    peerTimeoutMs: 15_000,
  });
  const loops = loadNativeLoops();
  const executor = new Executor({
    node: grant.node,
    session,
    allocation,
    loops,
    options,
    onEnd: () => undefined,
  });
  executors.push(executor);
  return executor;
}

describe('an allocation', () => {
  test('sends the package, learns the functions and echoes', async () => {
    const node = play({ functions: ['echo', 'other'] });
    const executor = await allocate(node);
    expect(node.packageBytes).toEqual(functionPackage.bytes);
    expect(executor).toMatchObject({ functions: ['echo', 'other'], threads: 2, node: 'played' });
    const output = await executor.invoke('echo', new TextEncoder().encode('hello'));
    expect(new TextDecoder().decode(output)).toBe('hello');
    const inputs = Array.from({ length: 100 }, (_, index) => Uint8Array.of(index));
    expect(await executor.map('echo', inputs)).toEqual(inputs);
    expect(() => executor.function('ecko')).toThrow('did you mean "echo"');
  });

  test('writes inputs into the slots of the executor and outputs into own memory', async () => {
    const executor = await allocate(play());
    const input = executor.allocateInput(64);
    const output = executor.allocateOutput(64);
    expect(input.isMapped).toBe(true);
    input.bytes.fill(9);
    const result = await executor.invoke('echo', input, { output });
    expect(result).toEqual(new Uint8Array(64).fill(9));
    expect(result.buffer).toBe(output.bytes.buffer);
  });

  test('learns more functions than one message names', async () => {
    const functions = Array.from({ length: 400 }, (_, index) => `function_with_a_rather_long_name_${index}`);
    expect((await allocate(play({ functions }))).functions).toEqual(functions);
  });

  test('rejects a stranger, who does not disturb it', async () => {
    const node = play({ stranger: true });
    const executor = await allocate(node);
    expect(await node.strangerRejected).toBeInstanceOf(ConnectionRefusedError);
    expect(executor.functions).toEqual(['echo']);
  });
});

describe('an allocation fails and cleans up', () => {
  test('when the package does not load, with the words of the executor', async () => {
    const node = play({ packageFails: 'undefined symbol: foo' });
    await expect(allocate(node)).rejects.toMatchObject({
      code: 'RFAAS_ERR_PACKAGE',
      message: 'the executor cannot load echo.js: undefined symbol: foo',
    });
    expect(node.deallocated).toHaveLength(1);
  });

  test.each(['connecting', 'loaded', 'threads'] as const)(
    'when the executor crashes before it is %s',
    async (endsBefore) => {
      const node = play({ endsBefore, end: { reason: 'crashed', signal: 'SIGSEGV', exitCode: -1 } });
      await expect(allocate(node)).rejects.toMatchObject({
        code: 'RFAAS_ERR_ALLOCATION_FAILED',
        message: expect.stringContaining('it was killed by SIGSEGV'),
        details: { signal: 'SIGSEGV' },
      });
    },
  );

  test('when a thread is lost as soon as it was ready', async () => {
    const node = play({ threadsLeave: true });
    await expect(allocate(node)).rejects.toMatchObject({
      code: 'RFAAS_ERR_EXECUTOR_LOST',
      message: expect.stringContaining('an executor thread was lost as soon as it was ready: '),
      cause: { code: 'RDMA_ERR_CONNECTION_LOST' },
    });
    expect(node.deallocated).toHaveLength(1);
  });

  test('when it takes too long', async () => {
    const node = play({ silent: true });
    await expect(allocate(node, { timeoutMs: 50 })).rejects.toMatchObject({ code: 'RFAAS_ERR_DEADLINE' });
    expect(node.deallocated).toHaveLength(1);
  });

  test('when the caller aborts', async () => {
    const node = play({ silent: true });
    const controller = new AbortController();
    const result = allocate(node, { signal: controller.signal });
    setImmediate(() => controller.abort(new Error('changed my mind')));
    await expect(result).rejects.toMatchObject({ code: 'RFAAS_ERR_ABORTED' });
  });

  test.each([
    [{ index: 1 }, 'RFAAS_ERR_PROTOCOL'],
    [{ slotStride: 64 }, 'RFAAS_ERR_PROTOCOL'],
  ])('when a thread announces %j', async (announces, code) => {
    const node = play({ announces });
    await expect(allocate(node)).rejects.toMatchObject({ code });
    expect(node.deallocated).toHaveLength(1);
  });
});

describe('an executor', () => {
  test('that crashes rejects everything with the signal, and says so once it is over', async () => {
    const node = play();
    const executor = await allocate(node);
    await executor.invoke('echo', Uint8Array.of(1));
    node.endWith({ reason: 'crashed', signal: 'SIGABRT', exitCode: -1 });
    await expect(executor.invoke('echo', Uint8Array.of(1))).rejects.toMatchObject({
      code: 'RFAAS_ERR_EXECUTOR_LOST',
      message: 'executor on node played was lost: it was killed by SIGABRT',
      details: { signal: 'SIGABRT', reason: 'crashed' },
    });
    expect(await executor.ended).toMatchObject({ code: 'RFAAS_ERR_EXECUTOR_LOST' });
    expect(() => executor.invokeSync('echo', Uint8Array.of(1))).toThrow('SIGABRT');
    await executor.deallocate();
  });

  test('whose lease expires says so', async () => {
    const node = play();
    const executor = await allocate(node);
    node.endWith({ reason: 'lease-expired' });
    expect(await executor.ended).toMatchObject({ code: 'RFAAS_ERR_LEASE_EXPIRED' });
  });

  test('is not used after it was deallocated; deallocating twice is fine', async () => {
    const node = play();
    const executor = await allocate(node);
    const input = executor.allocateInput(8);
    await executor.deallocate();
    await executor.deallocate();
    expect(node.deallocated).toHaveLength(1);
    await expect(executor.invoke('echo', Uint8Array.of(1))).rejects.toMatchObject({
      code: 'RFAAS_ERR_CLOSED',
    });
    expect(() => executor.invokeSync('echo', Uint8Array.of(1))).toThrow('was deallocated');
    expect(() => executor.allocateOutput(8)).toThrow('was deallocated');
    expect([...input.bytes]).toEqual(new Array(8).fill(0));
    expect(await executor.ended).toBeUndefined();
  });
});
