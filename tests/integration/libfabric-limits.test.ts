import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { fileURLToPath } from 'node:url';

import { compileLibraryFile, type CompiledLibrary } from '../support/compile-function-library.ts';
import { runNode } from '../support/run-program.ts';
import { interpositionObstacle } from '../support/transport-obstacle.ts';

/** Opens what its argument names, writes into its own memory over a connection, and tells what came of it. */
const program = `
  import { createCompletionBatch, openTransport, requireSuccess } from '@rfaas/rdmalib';
  let transport;
  try {
    transport = openTransport(process.argv[1]);
  } catch ({ code, message }) {
    console.log(JSON.stringify({ code, message }));
    process.exit();
  }
  const domain = transport.openProtectionDomain();
  const access = ['local-write', 'remote-write', 'remote-read'];
  const [from, to] = [0, 1].map(() => domain.allocateMemory({ byteLength: 4096, access }));
  const listener = await domain.listen({ host: '127.0.0.1', port: 0 });
  const queue = domain.createCompletionQueue({ depth: 8 });
  const depths = { sendCompletions: queue, receiveCompletions: queue, sendQueueDepth: 2, receiveQueueDepth: 2 };
  const near = domain.createEndpoint(depths);
  const connecting = near.connect(listener.address);
  let far;
  for await (const request of listener.requests()) {
    far = request.createEndpoint(depths);
    far.postEmptyReceives(2);
    await request.accept(far);
    break;
  }
  await connecting;
  const target = await near.resolveRemote(to.remote);
  const arrived = [];
  const batch = createCompletionBatch(4);
  for (const [immediate, byteLength, options] of [[7, 32, { inline: true, signaled: false }], [8, 4000, {}]]) {
    from.bytes.fill(immediate);
    near.postWrite({ region: from, offset: 0, byteLength }, target, 0, { immediate, ...options });
    for (let came = false; !came; ) {
      if (queue.poll(batch) === 0) await queue.readable();
      for (let i = 0; i < batch.length; i += 1) {
        const completion = requireSuccess(batch.at(i));
        if (completion.immediate === undefined) continue;
        came = true;
        arrived.push([completion.immediate, completion.byteLength, to.bytes[byteLength - 1]]);
      }
    }
  }
  console.log(JSON.stringify({ atomics: transport.capabilities.atomics, arrived }));
  await transport.close();`;

/** Eight writes with immediates at once, again and again: every one arrives once and completes once. */
const flood = `
  import { createCompletionBatch, openTransport, requireSuccess } from '@rfaas/rdmalib';
  const transport = openTransport(process.argv[1]);
  const domain = transport.openProtectionDomain();
  const access = ['local-write', 'remote-write', 'remote-read'];
  const [from, to] = [0, 1].map(() => domain.allocateMemory({ byteLength: 4096, access }));
  const listener = await domain.listen({ host: '127.0.0.1', port: 0 });
  const [sends, receives] = [0, 1].map(() => domain.createCompletionQueue({ depth: 64 }));
  const depths = { sendCompletions: sends, receiveCompletions: receives, sendQueueDepth: 8, receiveQueueDepth: 8 };
  const near = domain.createEndpoint(depths);
  const connecting = near.connect(listener.address);
  let far;
  for await (const request of listener.requests()) {
    far = request.createEndpoint(depths);
    far.postEmptyReceives(8);
    await request.accept(far);
    break;
  }
  await connecting;
  const target = await near.resolveRemote(to.remote);
  const batch = createCompletionBatch(64);
  const take = (queue, of) => {
    const seen = [];
    for (let idle = 0; seen.length < 8 && idle < 2000; idle += 1) {
      queue.block(batch, 5);
      for (let i = 0; i < batch.length; i += 1) seen.push(requireSuccess(batch.at(i))[of]);
    }
    return seen.join();
  };
  const wrong = [];
  for (let round = 0; round < 20; round += 1) {
    const expected = Array.from({ length: 8 }, (_, index) => 8 * round + index);
    for (const immediate of expected) {
      near.postWrite({ region: from, offset: 0, byteLength: 64 }, target, 0, { immediate, wrId: immediate });
    }
    const [came, done] = [take(receives, 'immediate'), take(sends, 'wrId')];
    if (came !== expected.join() || done !== expected.join()) wrong.push({ round, came, done });
    far.postEmptyReceives(8);
  }
  console.log(JSON.stringify(wrong));
  await transport.close();`;

interface Opened {
  readonly code?: string;
  readonly message?: string;
  readonly atomics?: string;
  readonly arrived?: readonly (readonly number[])[];
}

const reason = interpositionObstacle();
const everything = [
  [7, 32, 7],
  [8, 4000, 8],
];

describe('a libfabric that can less', () => {
  if (reason !== null) {
    test.skip(reason, () => undefined);
    return;
  }
  let limiting: CompiledLibrary;
  let hiding: CompiledLibrary;

  beforeAll(async () => {
    const source = (name: string): string =>
      fileURLToPath(new URL(`../support/libfabric/${name}.c`, import.meta.url));
    limiting = await compileLibraryFile(source('limited-libfabric'));
    hiding = await compileLibraryFile(source('no-libfabric'));
  }, 60_000);

  afterAll(async () => {
    await limiting?.[Symbol.asyncDispose]();
    await hiding?.[Symbol.asyncDispose]();
  });

  async function open(url: string, environment: Record<string, string> = {}): Promise<Opened> {
    const result = await runNode(['--input-type=module', '-e', program, url], { environment });
    expect(result).toMatchObject({ code: 0, errors: '' });
    return JSON.parse(result.output) as Opened;
  }

  async function limited(url: string, limit: string): Promise<Opened> {
    return open(url, { LD_PRELOAD: limiting.path, LIMITED_LIBFABRIC: limit });
  }

  test('the library is missing: its package is named', async () => {
    const { code, message } = await open('libfabric+tcp://127.0.0.1:0', { LD_AUDIT: hiding.path });
    expect(code).toBe('RDMA_ERR_LIBRARY_NOT_FOUND');
    expect(message).toMatch(/libfabric\.so\.1 is not installed.*apt-get install libfabric1/);
  }, 40_000);

  test('the library is older than all that is needed', async () => {
    const { code, message } = await limited('libfabric+tcp://127.0.0.1:0', 'version=1.16');
    expect(code).toBe('RDMA_ERR_LIBRARY_VERSION');
    expect(message).toMatch(/libfabric 1\.16 is too old: 1\.17 or newer is needed/);
  }, 40_000);

  test.each([
    ['cxi', '1.20', '1.21 or newer'],
    ['gni', '1.21', '1.20 or older'],
    ['ugni', '2.6', '1.20 or older'],
    ['net', '1.18', '1.17 or older'],
    ['lnx', '1.22', '2.0 or newer'],
  ])(
    'provider %s with libfabric %s: %s is needed, as the table of versions has it',
    async (provider, version, needed) => {
      // Whatever the real library has.
      const name = provider === 'ugni' ? 'gni' : provider;
      const { code, message } = await open(`libfabric+${provider}://127.0.0.1:0`, {
        LD_PRELOAD: limiting.path,
        LIMITED_LIBFABRIC: `version=${version},no=${name}`,
      });
      expect(code).toBe('RDMA_ERR_LIBRARY_VERSION');
      expect(message).toContain(`libfabric ${version} has no`);
      expect(message).toContain(`provider "${name}": ${needed} is needed`);
      expect(message).toContain('cxi 1.21 or newer, gni 1.20 or older, net 1.17 or older');
    },
    40_000,
  );

  test('nobody knows the provider', async () => {
    const { code, message } = await open('libfabric+nonesuch://127.0.0.1:0');
    expect(code).toBe('RDMA_ERR_PROVIDER_NOT_FOUND');
    expect(message).toMatch(
      /no provider "nonesuch".*"fi_info -l".*fi_info -p 'nonesuch'.*cxi 1\.21 or newer/,
    );
  }, 40_000);

  test('a version that should have the provider has it not on this host', async () => {
    const { code, message } = await limited('libfabric+cxi://127.0.0.1:0', 'version=2.6,no=cxi');
    expect(code).toBe('RDMA_ERR_PROVIDER_NOT_FOUND');
    expect(message).toMatch(/libfabric 2\.6 has no provider "cxi" that works on this host/);
  }, 40_000);

  test.each([
    ['FI_MSG', 'no messages'],
    ['FI_RMA', 'no remote memory access'],
    ['FI_READ', 'no remote reads'],
    ['FI_WRITE', 'no remote writes'],
  ])(
    'a provider without %s is told so',
    async (capability, what) => {
      const { code, message } = await limited('libfabric+tcp://127.0.0.1:0', `lacks=${capability}`);
      expect(code).toBe('RDMA_ERR_PROVIDER_UNSUITABLE');
      expect(message).toContain(`"tcp" has ${what} (${capability})`);
      expect(message).toContain(`fi_info -v -p 'tcp'`);
    },
    40_000,
  );

  test.each([
    ['msg', 'FI_EP_MSG', 'tcp'],
    ['rdm', 'FI_EP_RDM', 'tcp;ofi_rxm'],
  ])(
    'a provider without %s endpoints is told so',
    async (endpoint, type, provider) => {
      const { code, message } = await limited(
        `libfabric+${provider}://127.0.0.1:0?endpoint=${endpoint}`,
        `lacks=${type}`,
      );
      expect(code).toBe('RDMA_ERR_PROVIDER_UNSUITABLE');
      expect(message).toMatch(new RegExp(`${type}.*fi_info|fi_info.*${type}|no .* endpoints \\(${type}`));
    },
    40_000,
  );

  test('atomics are used where they are, and left out where they are not', async () => {
    const url = 'libfabric+tcp;ofi_rxm://127.0.0.1:0?endpoint=rdm';
    expect(await open(url)).toEqual({ atomics: 'native', arrived: everything });
    expect(await limited(url, 'lacks=FI_ATOMIC')).toEqual({ atomics: 'none', arrived: everything });
  }, 40_000);

  test('where writes cannot carry data, messages do', async () => {
    const url = 'libfabric+tcp;ofi_rxm://127.0.0.1:0?endpoint=rdm';
    expect(await limited(url, 'lacks=writedata')).toEqual({ atomics: 'native', arrived: everything });
  }, 40_000);

  test('memory that belongs to an endpoint is bound to it, where there is only one', async () => {
    const need = 'needs=FI_MR_ENDPOINT';
    const url = 'libfabric+tcp;ofi_rxm://127.0.0.1:0?endpoint=rdm';
    expect(await limited(url, need)).toEqual({ atomics: 'native', arrived: everything });
    const { code } = await limited('libfabric+tcp://127.0.0.1:0?endpoint=msg', need);
    expect(code).toBe('RDMA_ERR_PROVIDER_UNSUITABLE');
  }, 40_000);

  test('a write whose message finds no room arrives and completes once', async () => {
    const url = 'libfabric+tcp;ofi_rxm://127.0.0.1:0?endpoint=rdm';
    const environment = { LD_PRELOAD: limiting.path, LIMITED_LIBFABRIC: 'lacks=writedata,busy' };
    const result = await runNode(['--input-type=module', '-e', flood, url], { environment });
    expect(result).toMatchObject({ code: 0, errors: '', output: '[]\n' });
  }, 40_000);
});
