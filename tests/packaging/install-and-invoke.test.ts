import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { registryObstacle, startRegistry, type LocalRegistry } from './local-registry.ts';
import { UserMachine, type RunningProgram } from './user-machine.ts';

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

/** What a server says when it is ready. */
function readyFacts({ line }: RunningProgram): Record<string, unknown> {
  return JSON.parse(line) as Record<string, unknown>;
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
  }, INSTALL_TIMEOUT_MS);

  test('no compiler can be found on the machine that installs', () => {
    for (const program of ['cc', 'gcc', 'make']) {
      expect(machine.run(client, program, ['--version']).output).toContain('ENOENT');
    }
  });

  test('the native libraries come in a package for this platform', () => {
    const files = readdirSync(join(client, 'node_modules', nativePackage));
    expect(files).toEqual(
      expect.arrayContaining(['librdmalib_shm.so', 'librfaas_loops.so', 'librfaas_rehearsal.so']),
    );
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
    const run = machine.run(client, 'node', ['program.js', String(readyFacts(manager)['url']), key]);
    expect(run).toEqual({ status: 0, output: 'reply: HELLO\n' });
    await manager.stop();
  }, 60_000);

  test('npx starts a resource manager', async () => {
    const key = join(machine.home, 'cluster.key');
    writeFileSync(key, randomBytes(32).toString('hex'), { mode: 0o600 });
    const configuration = join(managers, 'resource_manager.json');
    writeFileSync(configuration, JSON.stringify({ config: { transport: 'shm://0', cluster_key_file: key } }));
    const manager = await machine.start(managers, 'npx', ['rfaas-resource-manager', '-c', configuration]);
    expect(readyFacts(manager)['program']).toBe('rfaas-resource-manager');
    await manager.stop();
  }, 60_000);

  test('the rfaas command explains itself', () => {
    const run = machine.run(client, 'npx', ['rfaas', '--help']);
    expect(run.status).toBe(0);
    expect(run.output).toContain('Usage: rfaas');
  });

  describe('@rfaas/rdmalib alone', () => {
    let folder: string;

    beforeAll(() => {
      folder = machine.makeFolder('rdmalib-alone');
      expect(machine.run(folder, 'npm', ['install', '@rfaas/rdmalib'])).toMatchObject({ status: 0 });
      cpSync(join(folder, 'node_modules', '@rfaas', 'rdmalib', 'examples'), folder, { recursive: true });
    }, INSTALL_TIMEOUT_MS);

    /** Runs both sides of an example in the folder that was empty; returns what each printed. */
    async function play(example: string, listening: string[], connecting: string[]): Promise<string[][]> {
      const listener = await machine.start(folder, 'node', [example, 'listen', 'shm://0', ...listening]);
      const connected = machine.run(folder, 'node', [example, 'connect', listener.line, ...connecting]);
      expect({ ...connected, listener: await listener.ended }).toMatchObject({ status: 0, listener: 0 });
      return [[...listener.printed], connected.output.trimEnd().split('\n')];
    }

    test('brings nothing else of the project but the native libraries', () => {
      const installed = readdirSync(join(folder, 'node_modules', '@rfaas'));
      expect(installed.sort()).toEqual([nativePackage.replace('@rfaas/', ''), 'rdmalib']);
    });

    test('runs its ping-pong', async () => {
      const [, client] = await play('ping-pong.mjs', [], ['1000']);
      expect(client).toEqual([expect.stringMatching(/^1000 round trips of 64 bytes over shm: p50 \d+ ns/)]);
    });

    test('runs its remote write', async () => {
      expect(await play('remote-write.mjs', [], ['into your memory'])).toEqual([
        ['into your memory'],
        ['16 bytes written'],
      ]);
    });

    test('runs its distributed counter', async () => {
      const [listener] = await play('distributed-counter.mjs', ['1'], ['1000']);
      expect(listener).toEqual(['1000']);
    });

    test('says what is missing where there is no RDMA', () => {
      const run = machine.run(folder, 'node', ['ping-pong.mjs', 'listen', 'verbs://?device=nonesuch']);
      expect(run.status).toBe(1);
      expect(run.output).toMatch(/no RDMA device|modprobe|apt-get install/);
    });
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
