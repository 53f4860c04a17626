import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { LocalCluster } from '../support/local-cluster.ts';

import { checkout, runNode, runProgram, type ProgramResult } from '../support/run-program.ts';

let cluster: LocalCluster;
let environment: Record<string, string>;

beforeAll(async () => {
  cluster = await LocalCluster.start([{ cores: 2 }]);
  environment = {
    RFAAS_HOME: cluster.files.directory,
    RFAAS_TENANT: cluster.tenant,
    RFAAS_CREDENTIAL_FILE: await cluster.files.key('tenant.key', cluster.credential),
    RFAAS_RESOURCE_MANAGER: cluster.resourceManager.url,
    RFAAS_HTTP_TOKEN_FILE: cluster.tokenFile,
    // npx has opinions on the configuration of the machine's npm.
    npm_config_loglevel: 'error',
  };
}, 60_000);

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

interface CodeBlock {
  /** What follows the three backquotes. */
  readonly kind: string;
  readonly code: string;
}

async function codeBlocks(document: string): Promise<CodeBlock[]> {
  const text = await readFile(join(checkout, document), 'utf8');
  return [...text.matchAll(/^```(.*)\n([^]*?)^```$/gm)].map(([, kind = '', code = '']) => ({ kind, code }));
}

function runModule(program: string): Promise<ProgramResult> {
  return runNode(['--input-type=module', '-e', program], { environment });
}

describe('the examples', () => {
  test('invoke.mjs', async () => {
    const result = await runNode(['examples/invoke.mjs'], { environment });
    expect(result).toMatchObject({ code: 0, output: 'HELLO FROM FAR AWAY\n', errors: '' });
  }, 30_000);

  test('map.mjs', async () => {
    const result = await runNode(['examples/map.mjs'], { environment });
    expect(result).toMatchObject({ code: 0, errors: '' });
    expect(result.output.split('\n').slice(0, 3)).toEqual([
      '4 words: the quick brown fox',
      '2 words: jumps over',
      '3 words: the lazy dog',
    ]);
  }, 30_000);

  test('zero-copy.mjs', async () => {
    const library = cluster.files.path('vectors.so');
    const parameters = ['-shared', '-fPIC', '-O2', '-o', library, 'examples/functions/vectors.c'];
    expect(await runProgram('cc', parameters)).toMatchObject({ code: 0 });
    const result = await runNode(['examples/zero-copy.mjs', library], { environment });
    expect(result).toMatchObject({ code: 0, errors: '' });
    expect(result.output).toMatch(/^100000 invocations, all right/);
  }, 60_000);
});

describe('the README of the client', () => {
  test('begins with a program that works', async () => {
    const [first] = await codeBlocks('packages/client/README.md');
    expect(first?.kind).toBe('js');
    const result = await runModule(first?.code ?? '');
    expect(result).toMatchObject({ code: 0, output: 'HELLO\n', errors: '' });
  }, 30_000);

  test('shows shared buffers as they are used', async () => {
    const [, second] = (await codeBlocks('packages/client/README.md')).filter(({ kind }) => kind === 'js');
    const result = await runModule(`
      import { Client } from '@rfaas/client';
      const client = await Client.connect(process.env.RFAAS_RESOURCE_MANAGER);
      const lease = await client.lease({ cores: 1 });
      const source = \`export function sum(input, output) {
        const values = new Float64Array(input.buffer, input.byteOffset, input.length / 8);
        new DataView(output.buffer, output.byteOffset).setFloat64(0, values.reduce((a, b) => a + b), true);
        return 8;
      }\`;
      const executor = await lease.allocate({ module: { source } });
      ${second?.code}
      await client.close();`);
    expect(result).toMatchObject({ code: 0, output: '1500\n', errors: '' });
  }, 30_000);
});

describe('the getting-started page', () => {
  test('has a program that works', async () => {
    const block = (await codeBlocks('docs/getting-started.md')).find(({ kind }) => kind === 'js');
    const program = block?.code.replace("'shm://10000'", `'${cluster.resourceManager.url}'`) ?? '';
    expect(await runModule(program)).toMatchObject({ code: 0, output: 'HELLO FROM FAR AWAY\n', errors: '' });
  }, 30_000);

  test('has commands that work', async () => {
    const { url, ready } = cluster.resourceManager;
    const blocks = (await codeBlocks('docs/getting-started.md')).filter(({ kind }) => kind === 'sh');
    // What builds the checkout and makes keys for the fixed ports was done for this test in its own way.
    const commands = blocks
      .map(({ code }) => code)
      .filter((code) => !/npm |rfaas-resource-manager/.test(code));
    expect(commands).toHaveLength(4);
    for (const command of commands) {
      const script = command
        .replaceAll('/tmp/', `${cluster.files.directory}/`)
        .replace('shm://10000', url)
        .replace('http://127.0.0.1:5000', String(ready['httpUrl']));
      expect(await runProgram('bash', ['--norc', '-euc', script], { environment })).toMatchObject({
        code: 0,
        errors: '',
      });
    }
  }, 60_000);

  test('starts servers with configurations that are valid', async () => {
    const servers = (await codeBlocks('docs/getting-started.md')).filter(({ kind }) => kind === 'sh server');
    expect(servers).toHaveLength(2);
    for (const { code } of servers) {
      const script = `${code.trim()} --print-config`;
      expect(await runProgram('bash', ['--norc', '-euc', script], { environment })).toMatchObject({
        code: 0,
      });
    }
  }, 30_000);
});
