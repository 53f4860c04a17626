import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { registryObstacle, startRegistry, type LocalRegistry } from './local-registry.ts';
import { UserMachine } from './user-machine.ts';

/** Packing, publishing and installing some hundred packages: minutes on a slow network, seconds on a good one. */
const INSTALL_TIMEOUT_MS = 180_000;

const root = fileURLToPath(new URL('../..', import.meta.url));
const nativePackage = `@rfaas/native-${process.platform}-${process.arch}`;
const obstacle = registryObstacle();

/** What a user's first program does: a function of JavaScript, sent to the executor and invoked there. */
const FIRST_PROGRAM = `
import { Client } from '@rfaas/client';
const [url, nodeKeyFile] = process.argv.slice(2);
await using client = await Client.direct(url, { nodeKeyFile });
await using lease = await client.lease({ cores: 1 });
await using executor = await lease.allocate({ module: 'functions.js' });
const reply = await executor.invoke('shout', new TextEncoder().encode('hello'));
console.log('reply: ' + new TextDecoder().decode(reply));
`;

const FUNCTIONS = `
export function shout(input, output) {
  return new TextEncoder().encodeInto(new TextDecoder().decode(input).toUpperCase(), output).written;
}
`;

/** `using` is not in Node 20's own JavaScript: a user compiles it, here it is done by hand. */
function withoutUsing(program: string): string {
  const names = [...program.matchAll(/await using (\w+)/g)].map((match) => match[1]);
  const disposals = names.reverse().map((name) => `await ${name}[Symbol.asyncDispose]();`);
  return `${program.replaceAll('await using', 'const')}${disposals.join('\n')}\n`;
}

/** Packs every package of the checkout, as a release does. */
function packEverything(folder: string): string[] {
  const pack = spawnSync(process.execPath, [join(root, 'scripts', 'pack.mjs'), folder], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  if (pack.status !== 0) throw new Error(`packing failed:\n${pack.stderr}`);
  const { tarballs } = JSON.parse(pack.stdout) as { tarballs: { file: string }[] };
  return tarballs.map(({ file }) => file);
}

const describeOrSkip = obstacle === undefined ? describe : describe.skip;

describeOrSkip(`packages installed from a registry${obstacle === undefined ? '' : `: ${obstacle}`}`, () => {
  let registry: LocalRegistry;
  let machine: UserMachine;
  let packed: string;
  let client: string;
  let managers: string;

  beforeAll(async () => {
    packed = mkdtempSync(join(tmpdir(), 'rfaas-packed-'));
    registry = await startRegistry();
    machine = new UserMachine(registry.url);
    client = machine.makeFolder('client');
    managers = machine.makeFolder('managers');
    for (const tarball of packEverything(packed)) {
      const published = machine.run(machine.home, 'npm', ['publish', tarball, '--loglevel=error']);
      if (published.status !== 0) throw new Error(`cannot publish ${tarball}:\n${published.output}`);
    }
    for (const [folder, ...names] of [
      [client, '@rfaas/client'],
      [managers, 'rfaas-executor-manager', 'rfaas-resource-manager'],
    ] as [string, ...string[]][]) {
      const installed = machine.run(folder, 'npm', ['install', ...names]);
      if (installed.status !== 0) throw new Error(`cannot install ${names.join(', ')}:\n${installed.output}`);
    }
  }, INSTALL_TIMEOUT_MS);

  afterAll(async () => {
    await machine?.[Symbol.asyncDispose]();
    await registry?.[Symbol.asyncDispose]();
    if (packed !== undefined) rmSync(packed, { recursive: true, force: true });
  });

  test('no compiler can be found on the machine that installs', () => {
    for (const program of ['cc', 'gcc', 'make']) {
      expect(machine.run(client, program, ['--version']).output).toContain('ENOENT');
    }
  });

  test('the native libraries come in a package for this platform', () => {
    const files = readdirSync(join(client, 'node_modules', nativePackage));
    expect(files).toEqual(expect.arrayContaining(['librdmalib_shm.so', 'librfaas_loops.so']));
  });

  test('npx starts an executor manager, and a client invokes a function there', async () => {
    const key = join(machine.home, 'node.key');
    writeFileSync(key, randomBytes(32).toString('hex'), { mode: 0o600 });
    const configuration = join(managers, 'executor_manager.json');
    const settings = { node_name: 'packaged', transport: 'shm://0', node_key_file: key, cores: 1 };
    writeFileSync(configuration, JSON.stringify({ config: settings }));
    writeFileSync(join(client, 'functions.js'), FUNCTIONS);
    writeFileSync(join(client, 'program.js'), withoutUsing(FIRST_PROGRAM));

    const parameters = ['rfaas-executor-manager', '-c', configuration, '--skip-resource-manager'];
    const manager = await machine.start(managers, 'npx', parameters);
    const run = machine.run(client, 'node', ['program.js', String(manager.ready['url']), key]);
    expect(run).toEqual({ status: 0, output: 'reply: HELLO\n' });
    await manager.stop();
  }, 60_000);

  test('npx starts a resource manager', async () => {
    const key = join(machine.home, 'cluster.key');
    writeFileSync(key, randomBytes(32).toString('hex'), { mode: 0o600 });
    const configuration = join(managers, 'resource_manager.json');
    writeFileSync(configuration, JSON.stringify({ config: { transport: 'shm://0', cluster_key_file: key } }));
    const manager = await machine.start(managers, 'npx', ['rfaas-resource-manager', '-c', configuration]);
    expect(manager.ready['program']).toBe('rfaas-resource-manager');
    await manager.stop();
  }, 60_000);

  test('the rfaas command explains itself', () => {
    const run = machine.run(client, 'npx', ['rfaas', '--help']);
    expect(run.status).toBe(0);
    expect(run.output).toContain('Usage: rfaas');
  });

  test('without the platform package the error says where it looked, and building from source mends it', () => {
    const folder = machine.makeFolder('from-source');
    expect(machine.run(folder, 'npm', ['install', '@rfaas/rdmalib']).status).toBe(0);
    rmSync(join(folder, 'node_modules', nativePackage), { recursive: true });
    writeFileSync(
      join(folder, 'open.js'),
      "import { openTransport } from '@rfaas/rdmalib';\nconsole.log(openTransport('shm://0').name ?? 'opened');\n",
    );
    const broken = machine.run(folder, 'node', ['open.js']);
    expect(broken.status).not.toBe(0);
    expect(broken.output).toContain('librdmalib_shm.so');
    expect(broken.output).toContain(nativePackage);

    const compilers = { PATH: `${machine.environment['PATH'] ?? ''}:${process.env['PATH'] ?? ''}` };
    const built = machine.run(folder, 'npx', ['rdmalib-build-native'], compilers);
    expect(built).toMatchObject({ status: 0 });
    expect(machine.run(folder, 'node', ['open.js'])).toMatchObject({ status: 0 });
  }, 120_000);
});
