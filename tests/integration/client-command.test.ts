import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readFile, writeFile } from 'node:fs/promises';

import { compileFunctionLibrary, type CompiledLibrary } from '../support/compile-function-library.ts';
import { functionFile } from '../support/function-file.ts';
import { LocalCluster } from '../support/local-cluster.ts';
import { runNode, type ProgramResult, type RunOptions } from '../support/run-program.ts';

let cluster: LocalCluster;
let library: CompiledLibrary;
let environment: Record<string, string>;
const module = functionFile('test-functions.js');

beforeAll(async () => {
  library = await compileFunctionLibrary({ file: 'test-functions.c' });
  cluster = await LocalCluster.start([{ cores: 2 }]);
  environment = {
    RFAAS_HOME: cluster.files.directory,
    RFAAS_TENANT: cluster.tenant,
    RFAAS_CREDENTIAL_FILE: await cluster.files.key('tenant.key', cluster.credential),
    RFAAS_RESOURCE_MANAGER: cluster.resourceManager.url,
    RFAAS_HTTP_URL: String(cluster.resourceManager.ready['httpUrl']),
    RFAAS_HTTP_TOKEN_FILE: cluster.tokenFile,
  };
}, 60_000);

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await library?.[Symbol.asyncDispose]();
});

function rfaas(parameters: readonly string[], options: RunOptions = {}): Promise<ProgramResult> {
  return runNode(['packages/client/bin/rfaas.cjs', ...parameters], {
    ...options,
    environment: { ...environment, ...options.environment },
  });
}

describe('rfaas invoke', () => {
  test('reads text and writes to standard output', async () => {
    const result = await rfaas(['invoke', 'shout', '--module', module, '--text', 'quiet']);
    expect(result).toMatchObject({ code: 0, output: 'QUIET', errors: '' });
  });

  test('reads standard input and writes a file, and tells what happened', async () => {
    const output = cluster.files.path('output.bin');
    const input = Uint8Array.from({ length: 100_000 }, (_, index) => index);
    const parameters = [
      'invoke',
      'echo',
      '--library',
      library.path,
      '--input',
      '-',
      '--output',
      output,
      '--json',
    ];
    const result = await rfaas(parameters, { input });
    expect(JSON.parse(result.output)).toMatchObject({
      function: 'echo',
      node: 'node-0',
      inputBytes: 100_000,
    });
    expect(Buffer.compare(await readFile(output), input)).toBe(0);
  });

  test('uses a single node whose key it has', async () => {
    await using other = await LocalCluster.create();
    const node = await other.startNode('solo');
    const key = await other.files.key('copy.key', other.nodeKey('solo'));
    const result = await rfaas([
      ...['invoke', 'echo', '--executor-manager', node.url, '--node-key-file', key],
      ...['--library', library.path, '--text', 'direct'],
    ]);
    expect(result).toMatchObject({ code: 0, output: 'direct' });
  }, 30_000);

  test.each([
    [['invoke', 'echo'], 2, 'name the package with either --library or --module'],
    [['invoke', 'ecko', '--module', module], 1, 'did you mean "echo"'],
    [['invoke', 'fail', '--module', module], 1, 'fails on purpose [RFAAS_ERR_FUNCTION_FAILED]'],
    [['invoke', 'never', '--module', module, '--timeout', '50'], 1, 'RFAAS_ERR_DEADLINE'],
    [['invoke', 'echo', '--module', module, '--cores', '0'], 2, '--cores'],
    [['invoke', 'echo', '--module', module, '--cores', '900'], 1, 'RFAAS_ERR_NO_CAPACITY'],
    [['invoke', 'echo', '--module', module, '--input', '/nowhere'], 2, 'input cannot be read'],
    [
      ['invoke', 'echo', '--module', module, '-r', 'shm://9'],
      1,
      'cannot connect to the resource manager at shm://9',
    ],
    [['frobnicate'], 2, 'frobnicate'],
  ])('%j ends with status %i and says why', async (parameters, code, message) => {
    const result = await rfaas(parameters);
    expect(result.errors).toContain(message);
    expect(result.code).toBe(code);
    expect(result.errors.trim().split('\n')).toHaveLength(1);
  });
});

describe('rfaas nodes and rfaas leases', () => {
  test('list what the cluster has', async () => {
    const client = await cluster.connect();
    const lease = await client.lease({ cores: 1, memoryMiB: 512 });
    const nodes = await rfaas(['nodes']);
    expect(nodes.output).toMatch(
      /^NODE +STATE +FREE CORES +FREE MEMORY +LEASES +URL\nnode-0 +connected +1\/2 +3.5 GiB \/ 4 GiB +1 +(shm|verbs):/,
    );
    const leases = await rfaas(['leases']);
    expect(leases.output).toContain(lease.id);
    expect(leases.output).toContain(cluster.tenant);
    const json = JSON.parse((await rfaas(['leases', '--json'])).output) as { id: string }[];
    expect(json.map(({ id }) => id)).toEqual([lease.id]);
    await client.close();
  }, 30_000);

  test('say what is missing', async () => {
    expect(await rfaas(['nodes'], { environment: { RFAAS_HTTP_URL: '' } })).toMatchObject({
      code: 2,
      errors: expect.stringContaining('give --url'),
    });
    const file = cluster.files.path('wrong.token');
    await writeFile(file, 'x'.repeat(64), { mode: 0o600 });
    expect(await rfaas(['nodes', '--token-file', file])).toMatchObject({
      code: 1,
      errors: expect.stringContaining('HTTP 401'),
    });
    expect(await rfaas(['nodes', '--url', 'http://127.0.0.1:9'])).toMatchObject({
      code: 1,
      errors: expect.stringContaining('no resource manager answers'),
    });
  }, 30_000);
});

describe('rfaas functions', () => {
  test('list names what a package offers', async () => {
    const native = JSON.parse((await rfaas(['functions', 'list', library.path, '--json'])).output) as object;
    expect(native).toMatchObject({ kind: 'native', functions: expect.arrayContaining(['echo', 'sum']) });
    const script = await rfaas(['functions', 'list', module]);
    expect(script.output).toContain('shout');
  });

  test('check runs a function and tells what it returned', async () => {
    const result = await rfaas([
      'functions',
      'check',
      library.path,
      '-f',
      'echo',
      '--text',
      'hello',
      '--json',
    ]);
    expect(JSON.parse(result.output)).toMatchObject({
      ok: true,
      function: 'echo',
      inputBytes: 5,
      returned: 5,
    });
    expect((await rfaas(['functions', 'check', library.path])).output).toContain('nothing wrong');
  });

  test.each([
    ['dereference_null', 'was killed by SIGSEGV'],
    ['call_abort', 'was killed by SIGABRT'],
    ['call_exit', 'ended its process with status 3'],
    ['return_too_much', 'returned 2147483647 bytes, and its output has 65536'],
    ['never_return', 'did not return within 300 ms'],
  ])('check survives %s', async (name, message) => {
    const result = await rfaas(['functions', 'check', library.path, '--function', name, '--timeout', '300']);
    expect(result.code).toBe(1);
    expect(result.errors).toContain(message);
  });

  test('check notices a write behind the output', async () => {
    const input = cluster.files.path('count.bin');
    await writeFile(input, new Uint8Array(Uint32Array.of(4097).buffer));
    const parameters = ['functions', 'check', library.path, '-f', 'write_bytes', '--input', input];
    expect(await rfaas([...parameters, '--output-bytes', '4096'])).toMatchObject({
      code: 1,
      errors: expect.stringContaining('SIGSEGV'),
    });
    expect(await rfaas([...parameters, '--output-bytes', '4097'])).toMatchObject({ code: 0 });
  });

  test('refuse what is no package', async () => {
    expect(await rfaas(['functions', 'list', 'LICENSE'])).toMatchObject({
      code: 1,
      errors: expect.stringContaining('it is no ELF file'),
    });
  });
});

test('every command explains itself', async () => {
  for (const command of [[], ['nodes'], ['leases'], ['invoke'], ['functions'], ['functions', 'check']]) {
    const result = await rfaas([...command, '--help']);
    expect(result).toMatchObject({ code: 0, errors: '' });
    expect(result.output).toContain(`Usage: rfaas ${command.join(' ')}`.trimEnd());
  }
}, 30_000);
