import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { findNativeLibrary, listDevices } from '@rfaas/rdmalib';
import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';

import { runNode } from '../support/run-program.ts';

interface Check {
  readonly name: string;
  readonly state: string;
  readonly what: string;
  readonly cost?: string;
  readonly fix?: string;
}

const run = promisify(execFile);
/** Every test starts programs; on a busy machine each takes seconds. */
jest.setTimeout(60_000);

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rfaas-doctor-'));
});

afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

async function doctor(
  words: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<{ code: number | null; checks: readonly Check[]; check: (name: string) => Check | undefined }> {
  const result = await runNode(['packages/client/bin/rfaas.cjs', 'doctor', '--json', ...words], {
    environment,
  });
  const { ok, checks } = JSON.parse(result.output) as { ok: boolean; checks: Check[] };
  expect(ok).toBe(result.code === 0);
  return { code: result.code, checks, check: (name) => checks.find((each) => each.name === name) };
}

/** A folder of native libraries in which some are missing or others than they should be. */
async function libraries(...names: readonly string[]): Promise<string> {
  const folder = await mkdtemp(join(directory, 'native-'));
  for (const name of names) await cp(findNativeLibrary(name), join(folder, name));
  return folder;
}

/** Compiles a shared library from a line of C. */
async function compile(file: string, source: string, ...options: readonly string[]): Promise<void> {
  const code = `${file}.c`;
  await writeFile(code, source);
  await run(process.env['CC'] ?? 'cc', ['-shared', '-fPIC', '-o', file, code, ...options]);
}

test('a round trip over shared memory is made, in both forms of the report', async () => {
  const { code, check } = await doctor(['--transport', 'shm']);
  expect(code).toBe(0);
  expect(check('round trip shm://0')).toMatchObject({
    state: 'ok',
    what: expect.stringMatching(/^64 bytes with immediate there and back, median [\d.]+ µs$/),
  });
  const text = await runNode(['packages/client/bin/rfaas.cjs', 'doctor', '--transport', 'shm']);
  expect(text).toMatchObject({ code: 0, errors: '' });
  expect(text.output).toMatch(/^ok +round trip shm:\/\/0 +64 bytes/m);
  expect(text.output).toMatch(/\nNothing that is needed is missing\.\n$/);
});

describe('native libraries', () => {
  test('that are missing are a problem, and what needs them is not tried', async () => {
    const RFAAS_NATIVE_DIRECTORY = await libraries('librfaas_loops.so');
    const { code, check } = await doctor([], { RFAAS_NATIVE_DIRECTORY });
    expect(code).toBe(1);
    expect(check('library shm')).toMatchObject({
      state: 'problem',
      fix: expect.stringMatching(/librdmalib_shm\.so.*build/),
    });
    expect(check('round trip shm://0')).toBeUndefined();
  });

  test('that need a library of the system name its package', async () => {
    const RFAAS_NATIVE_DIRECTORY = await libraries('librfaas_loops.so', 'librdmalib_shm.so');
    const needed = join(directory, 'libibverbs.so.1.absent');
    await compile(needed, 'int needed(void) { return 1; }\n', `-Wl,-soname,${basename(needed)}`);
    await compile(
      join(RFAAS_NATIVE_DIRECTORY, 'librdmalib_verbs.so'),
      'int needed(void); int f(void) { return needed(); }\n',
      needed,
    );
    await rm(needed);
    const optional = await doctor(['--transport', 'shm'], { RFAAS_NATIVE_DIRECTORY });
    expect(optional.code).toBe(0);
    const required = await doctor(['--transport', 'verbs'], { RFAAS_NATIVE_DIRECTORY });
    expect(required.code).toBe(1);
    for (const [{ check }, state] of [
      [optional, 'note'],
      [required, 'problem'],
    ] as const) {
      expect(check('library verbs')).toMatchObject({
        state,
        cost: 'verbs URLs cannot be used',
        fix: expect.stringMatching(/apt-get install .*ibverbs-providers/),
      });
    }
  });

  test.each([
    ['crashes', '__builtin_trap();', /SIGILL|SIGTRAP|SIGSEGV/],
    ['hangs', 'for (;;) __asm__ volatile("pause");', /did not end in 1500 ms/],
  ])('that %s are told, and the doctor lives on', async (_what, statement, reason) => {
    const RFAAS_NATIVE_DIRECTORY = await libraries('librfaas_loops.so');
    // Everything of the real library but opening a domain.
    const real = findNativeLibrary('librdmalib_shm.so');
    await compile(
      join(RFAAS_NATIVE_DIRECTORY, 'librdmalib_shm.so'),
      `int shim_domain_open(const char *o, void **d) { (void)o; (void)d; ${statement} return -1; }\n`,
      '-Wl,--no-as-needed',
      real,
    );
    const { code, check } = await doctor(['--timeout', '1500'], { RFAAS_NATIVE_DIRECTORY });
    expect(code).toBe(1);
    expect(check('round trip shm://0')).toMatchObject({
      state: 'problem',
      fix: expect.stringMatching(reason),
    });
  });
});

test('options that cannot be are usage errors', async () => {
  for (const words of [
    ['--transport', 'pigeon'],
    ['--timeout', '0'],
  ]) {
    const result = await runNode(['packages/client/bin/rfaas.cjs', 'doctor', ...words]);
    expect(result.code).toBe(2);
  }
});

const here = listDevices();
const testWithout = here.length === 0 ? test : test.skip;

testWithout(
  here.length === 0
    ? 'without an RDMA device verbs is a note, and a problem where it is asked for'
    : 'without an RDMA device: this machine has one',
  async () => {
    const unasked = await doctor([]);
    expect(unasked.code).toBe(0);
    expect(unasked.check('devices')).toMatchObject({
      state: 'note',
      fix: expect.stringContaining('modprobe'),
    });
    for (const words of [
      ['--transport', 'verbs'],
      ['--device', 'mlx5_0'],
    ]) {
      const asked = await doctor(words);
      expect(asked.code).toBe(1);
      expect(asked.check('devices')).toMatchObject({ state: 'problem' });
    }
  },
);
