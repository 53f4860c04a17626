import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { findNativeLibrary, loadNativeLibrary } from '@rfaas/rdmalib';

describe('finding a native library', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rdmalib-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  async function put(...names: string[]): Promise<string> {
    const path = join(folder, ...names);
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, '');
    return path;
  }

  test('the configured folder comes first', async () => {
    const path = await put('mine', 'x.so');
    await put('native-shims', 'Makefile');
    await put('native-shims', 'build', 'x.so');
    const environment = { RFAAS_NATIVE_DIRECTORY: join(folder, 'mine') };
    expect(findNativeLibrary('x.so', { environment, startDirectory: folder })).toBe(path);
  });

  test('a configured folder without it is an error that says so', () => {
    const environment = { RFAAS_NATIVE_DIRECTORY: folder };
    expect(() => findNativeLibrary('x.so', { environment })).toThrow(/x\.so \(from RFAAS_NATIVE_DIRECTORY/);
  });

  test('then the checkout around the package', async () => {
    await put('native-shims', 'Makefile');
    const path = await put('native-shims', 'build', 'x.so');
    const startDirectory = join(folder, 'packages', 'rdmalib', 'src', 'native');
    expect(findNativeLibrary('x.so', { environment: {}, startDirectory })).toBe(path);
  });

  test('then the platform package', async () => {
    await put('node_modules', '@rfaas', 'native-linux-x64', 'package.json');
    await writeFile(join(folder, 'node_modules/@rfaas/native-linux-x64/package.json'), '{}');
    const path = await put('node_modules', '@rfaas', 'native-linux-x64', 'x.so');
    const search = { environment: {}, startDirectory: join(folder, 'deep'), platform: 'linux-x64' };
    expect(findNativeLibrary('x.so', search)).toBe(path);
  });

  test('nowhere: the error lists every place and the fix', () => {
    const search = { environment: {}, startDirectory: folder, platform: 'linux-s390x' };
    expect(() => findNativeLibrary('x.so', search)).toThrow(
      expect.objectContaining({
        code: 'RDMA_ERR_LIBRARY_NOT_FOUND',
        message: expect.stringMatching(
          /x\.so; looked for\n {2}- .*no checkout there\)\n {2}- the package @rfaas\/native-linux-s390x \(not installed\)\nIn a checkout build it/,
        ),
      }),
    );
  });

  test('a file that is no library does not load, with the reason', async () => {
    const path = await put('x.so');
    expect(() => loadNativeLibrary(path)).toThrow(
      expect.objectContaining({ code: 'RDMA_ERR_LIBRARY_NOT_FOUND', message: expect.stringContaining(path) }),
    );
  });

  test('a library without a function says which and what to do', () => {
    const library = loadNativeLibrary(findNativeLibrary('librdmalib_shm.so'));
    expect(() => library.function('shim_no_such_thing', 'int', [])).toThrow(
      expect.objectContaining({
        code: 'RDMA_ERR_ABI_MISMATCH',
        message: expect.stringMatching(/no function shim_no_such_thing .*build it again/),
      }),
    );
  });
});
