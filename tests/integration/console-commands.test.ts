import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Client, Lease } from '@rfaas/client';
import { deriveTenantCredential } from '@rfaas/core';
import { Client as RfaasClient } from '@rfaas/client';
import { LocalCluster } from '../support/local-cluster.ts';
import { checkout, runNode, type ProgramResult } from '../support/run-program.ts';
import { childEnvironment } from '../support/spawn-server.ts';

let cluster: LocalCluster;
let environment: Record<string, string>;
let alice: Client;
let aliceLease: Lease;

beforeAll(async () => {
  cluster = await LocalCluster.start([{ cores: 2 }, { cores: 1 }]);
  environment = {
    RFAAS_HOME: cluster.files.directory,
    RFAAS_HTTP_URL: String(cluster.resourceManager.ready['httpUrl']),
    RFAAS_HTTP_TOKEN_FILE: cluster.tokenFile,
  };
  const credential = deriveTenantCredential(cluster.clusterKey, 'alice');
  alice = await RfaasClient.connect({
    resourceManager: cluster.resourceManager.url,
    tenant: 'alice',
    credential,
  });
  aliceLease = await alice.lease({ cores: 2, memoryMiB: 512, node: 'node-0' });
}, 60_000);

afterAll(async () => {
  await alice?.close();
  await cluster?.[Symbol.asyncDispose]();
});

function rfaas(...parameters: string[]): Promise<ProgramResult> {
  return runNode(['packages/client/bin/rfaas.cjs', ...parameters], { environment });
}

async function json(...parameters: string[]): Promise<unknown> {
  const result = await rfaas(...parameters, '--json');
  expect(result.errors).toBe('');
  return JSON.parse(result.output);
}

test('rfaas nodes lists many nodes, page after page, or those that are looked for, or only some', async () => {
  const token = readFileSync(cluster.tokenFile, 'utf8').trim();
  const base = String(cluster.resourceManager.ready['httpUrl']);
  await using many = await LocalCluster.create();
  const executors = Array.from({ length: 2500 }, (_, index) => ({
    node: `n${index}`,
    address: '',
    port: 10_000 + index,
    cores: 1,
    memory: 512,
  }));
  const database = await many.files.json('executors_database.json', { executors });
  await many.startResourceManager({ executors_database: database });
  const own = {
    RFAAS_HOME: many.files.directory,
    RFAAS_HTTP_URL: String(many.resourceManager.ready['httpUrl']),
    RFAAS_HTTP_TOKEN_FILE: many.tokenFile,
  };
  const nodes = async (...more: string[]): Promise<string[]> => {
    const { output, errors } = await runNode(['packages/client/bin/rfaas.cjs', 'nodes', '--json', ...more], {
      environment: own,
    });
    expect(errors).toBe('');
    return (JSON.parse(output) as { name: string }[]).map(({ name }) => name);
  };
  expect((await nodes()).sort()).toEqual(executors.map(({ node }) => node).sort());
  expect(await nodes('--match', 'n2499')).toEqual(['n2499']);
  expect(await nodes('--limit', '1200')).toHaveLength(1200);
  const whole = await fetch(new URL('/nodes', base), { headers: { authorization: `Bearer ${token}` } });
  expect([whole.headers.get('x-total-count'), whole.headers.get('link')]).toEqual(['2', null]);
}, 60_000);

describe('rfaas leases, tenants and usage', () => {
  test('show a lease as a table and as JSON', async () => {
    const table = (await rfaas('leases', '--node', 'node-0')).output;
    expect(table).toMatch(/^LEASE +TENANT +NODES +CORES +MEMORY +LEFT +INVOCATIONS +CORE SECONDS\n/);
    expect(table).toMatch(new RegExp(`\n${aliceLease.id} +alice +node-0 +2 +512 MiB +\\d+\\w`));
    expect(await json('leases', '--tenant', 'alice')).toMatchObject([{ id: aliceLease.id }]);
    expect(await json('leases', '--tenant', 'bob')).toEqual([]);
    expect(await json('leases', '--queue')).toEqual([]);
  }, 30_000);

  test('show who holds what', async () => {
    expect((await rfaas('tenants')).output).toMatch(/\nalice +1 +2 +512 MiB +0 /);
    expect(await json('tenants')).toMatchObject([{ name: 'alice', held: { cores: 2 } }]);
  }, 30_000);

  test('print bills in each format', async () => {
    expect((await rfaas('usage')).output).toMatch(
      new RegExp(`\n${aliceLease.id} +alice +node-0 +2 .* open `),
    );
    expect(await json('usage', '--tenant', 'alice')).toMatchObject([{ lease: aliceLease.id, end: null }]);
    const csv = (await rfaas('usage', '--format', 'csv')).output;
    expect(csv).toMatch(/^lease,tenant,nodes,cores,/);
    expect(csv).toContain(`${aliceLease.id},alice,node-0,2,512,`);
    const records = (await rfaas('usage', '--format', 'sacct')).output.trim().split('\n');
    const [header, record] = records.map((line) => line.split('|'));
    expect(header).toContain('CPUTimeRAW');
    expect(record).toHaveLength(header?.length ?? 0);
    expect(record?.[header?.indexOf('State') ?? 0]).toBe('RUNNING');
  }, 30_000);

  test('are for a tenant with nothing but its credential', async () => {
    await using other = await LocalCluster.create();
    const file = await other.files.key('alice.key', deriveTenantCredential(cluster.clusterKey, 'alice'));
    const own = {
      RFAAS_HOME: other.files.directory,
      RFAAS_HTTP_URL: String(cluster.resourceManager.ready['httpUrl']),
      RFAAS_TENANT: 'alice',
      RFAAS_CREDENTIAL_FILE: file,
    };
    const ask = (...parameters: string[]): Promise<ProgramResult> =>
      runNode(['packages/client/bin/rfaas.cjs', ...parameters], { environment: own });
    expect((await ask('leases')).output).toContain(aliceLease.id);
    expect(await ask('nodes', 'remove', 'node-1')).toMatchObject({
      code: 1,
      errors: expect.stringContaining('RFAAS_ERR_FORBIDDEN'),
    });
  }, 30_000);

  test('end a lease', async () => {
    const lease = await alice.lease({ cores: 1, memoryMiB: 64, node: 'node-1' });
    expect(await rfaas('leases', 'release', lease.id)).toMatchObject({
      code: 0,
      output: `${lease.id}: released\n`,
    });
    expect(await rfaas('leases', 'release', '0'.repeat(32))).toMatchObject({
      code: 1,
      errors: expect.stringContaining('RFAAS_ERR_LEASE_UNKNOWN'),
    });
  }, 30_000);
});

test('the help of every command has its options and examples', async () => {
  for (const command of ['nodes', 'leases', 'usage', 'tenants', 'top']) {
    const { code, output } = await rfaas(command, '--help');
    expect(code).toBe(0);
    expect(output).toMatch(/--url <url>[\s\S]*--json[\s\S]*Examples:\n {2}\$ rfaas /);
  }
}, 30_000);

test('rfaas nodes drains a node, and takes it back into service', async () => {
  expect(await json('nodes', 'drain', 'node-1', '--grace', '1000')).toMatchObject({ name: 'node-1' });
  expect((await rfaas('nodes')).output).toMatch(/\nnode-1 +drain(ing|ed) +1\/1 /);
  await expect(alice.lease({ cores: 1, node: 'node-1' })).rejects.toThrow(
    'no node that takes leases is called "node-1"',
  );
  expect(await rfaas('nodes', 'resume', 'node-1')).toMatchObject({
    code: 0,
    output: 'node-1: in service, 0 leases\n',
  });
  const lease = await alice.lease({ cores: 1, memoryMiB: 64, node: 'node-1' });
  await lease.release();
  expect(await rfaas('nodes', 'drain', 'nobody')).toMatchObject({
    code: 1,
    errors: expect.stringContaining('RFAAS_ERR_NODE_UNKNOWN'),
  });
}, 30_000);

test('rfaas tenants limits a tenant, which is refused more', async () => {
  expect(await json('tenants', 'limit', 'alice', '--cores', '2')).toEqual({ cores: 2 });
  expect((await rfaas('tenants')).output).toMatch(/\nalice +1 +2\/2 /);
  await expect(alice.lease({ cores: 1, memoryMiB: 64, node: 'node-1' })).rejects.toThrow();
  expect(await json('tenants', 'limit', 'alice')).toEqual({});
  const lease = await alice.lease({ cores: 1, memoryMiB: 64, node: 'node-1' });
  await lease.release();
}, 30_000);

describe('rfaas top', () => {
  test('prints one look as text, and as JSON', async () => {
    const { output, code } = await rfaas('top', '-n', '1');
    expect(code).toBe(0);
    expect(output).toMatch(/^rFaaS .* 2 nodes \(2 connected\) +1 leases/);
    expect(output).toMatch(/2 of 3 leased/);
    expect(output).toMatch(/node-0 +connected +\[#{20}\] +2\/2/);
    expect(output).toContain(aliceLease.id.slice(0, 12));
    expect(await json('top', '-n', '1')).toMatchObject({ stats: { cores: { all: 3, free: 1 } } });
  }, 30_000);

  test('is live in a terminal, and leaves it as it was on Ctrl-C', async () => {
    // Without exec a shell may stay between, and die of the same Ctrl-C.
    const command = `exec "${process.execPath}" packages/client/bin/rfaas.cjs top -i 200`;
    // Of util-linux: runs a command in a terminal of its own.
    const terminal = spawn('script', ['-qfec', command, '/dev/null'], {
      cwd: checkout,
      env: childEnvironment({ ...environment, TERM: 'xterm', COLUMNS: '120', LINES: '40' }),
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let screen = '';
    terminal.stdout.setEncoding('utf8').on('data', (text: string) => (screen += text));
    const giveUp = AbortSignal.timeout(20_000);
    while (screen.split('\x1b[H').length < 4) await once(terminal.stdout, 'data', { signal: giveUp });
    terminal.stdin.write('\x03');
    const [code] = (await once(terminal, 'close', { signal: giveUp })) as [number | null];
    expect(code).toBe(0);
    expect(screen.startsWith('\x1b[?1049h\x1b[?25l')).toBe(true);
    expect(screen.endsWith('\x1b[?25h\x1b[?1049l')).toBe(true);
    expect(screen).toContain('rFaaS');
    expect(screen).not.toContain('error');
  }, 40_000);
});
