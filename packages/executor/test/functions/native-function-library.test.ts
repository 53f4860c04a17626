import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openTransport } from '@rfaas/rdmalib';
import type { MemoryRegion, ProtectionDomain, Transport } from '@rfaas/rdmalib';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadNativeFunctions } from '../../src/functions/native-function-library.ts';
import { HostFunctions } from '../../src/native/host-functions.ts';

let directory: string;
let transport: Transport;
let domain: ProtectionDomain;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'rfaas-libraries-'));
  transport = openTransport(`shm://0?directory=${directory}`);
  domain = transport.openProtectionDomain();
});

afterAll(async () => {
  await transport.close();
  rmSync(directory, { recursive: true, force: true });
});

function compile(name: string, source: string, flags: readonly string[] = ['-shared', '-fPIC']): Buffer {
  const file = join(directory, `${name}.c`);
  writeFileSync(file, source);
  const output = join(directory, name);
  execFileSync('cc', [...flags, '-o', output, file]);
  return readFileSync(output);
}

function fileOf(bytes: Uint8Array): MemoryRegion {
  const region = domain.allocateMemory({
    byteLength: bytes.byteLength,
    access: ['local-write'],
    backing: 'file',
  });
  region.bytes.set(bytes);
  return region;
}

function load(bytes: Uint8Array): ReturnType<typeof loadNativeFunctions> {
  return loadNativeFunctions(fileOf(bytes), domain, new HostFunctions());
}

const twoFunctions = `
#include <stdint.h>
uint32_t second(void *a, uint32_t n, void *r) { return 2; }
uint32_t first(void *a, uint32_t n, void *r) { return 1; }
static uint32_t hidden(void *a, uint32_t n, void *r) { return 3; }
uint32_t (*keep)(void *, uint32_t, void *) = hidden;
`;

test('a library is loaded from memory, and its functions are sorted by name', () => {
  const { names, table } = load(compile('two.so', twoFunctions));
  expect(names).toEqual(['first', 'second']);
  const addresses = [...new BigUint64Array(table.bytes.buffer, table.bytes.byteOffset, 2)];
  expect(new Set(addresses).size).toBe(2);
  expect(addresses.every((address) => address > 0n)).toBe(true);
});

test('two versions of a library do not mix', () => {
  const one = load(compile('same.so', 'int value(void) { return 1; }'));
  const two = load(compile('same.so', 'int value(void) { return 2; } int more(void) { return 3; }'));
  expect(one.names).toEqual(['value']);
  expect(two.names).toEqual(['more', 'value']);
});

test('a constructor runs before anything is called', () => {
  const mark = join(directory, 'constructed');
  const source = `#include <stdio.h>
__attribute__((constructor)) static void begin(void) { fclose(fopen("${mark}", "w")); }
int run(void) { return 0; }`;
  load(compile('constructor.so', source));
  expect(readFileSync(mark, 'utf8')).toBe('');
});

test.each([
  ['text', () => Buffer.from('#!/bin/sh\nexit 0\n'), /no ELF file/],
  ['nothing but a magic number', () => Buffer.from('\x7fELF'), /damaged or truncated/],
  ['half of a library', () => compile('half.so', twoFunctions).subarray(0, 600), /damaged or truncated/],
  ['an object file', () => compile('object.o', twoFunctions, ['-c', '-fPIC']), /not a shared library/],
  ['a library without functions', () => compile('empty.so', 'int answer = 42;'), /exports no function/],
  [
    'a library that needs what is not there',
    () => compile('missing.so', 'extern int nowhere(void); int run(void) { return nowhere(); }'),
    /does not load: .*nowhere/,
  ],
])('%s does not load, and the error says why', (_what, make, reason) => {
  expect(() => load(make())).toThrow(reason);
});

test('an unloaded library has run its destructors, and holds no descriptor and no address space', () => {
  const mark = join(directory, 'destructed');
  const source = `#include <stdio.h>
__attribute__((destructor)) static void end(void) { fclose(fopen("${mark}", "w")); }
int run(void) { return 0; }`;
  const file = fileOf(compile('destructor.so', source));
  const { unload } = loadNativeFunctions(file, domain, new HostFunctions());
  const descriptor = file.path ?? '';
  expect(existsSync(mark)).toBe(false);
  expect(existsSync(descriptor)).toBe(true);
  unload();
  expect(existsSync(mark)).toBe(true);
  expect(existsSync(descriptor)).toBe(false);
});

test('a library of another architecture is refused by its name', () => {
  const library = compile('arm.so', twoFunctions);
  library.writeUInt16LE(183, 18);
  expect(() => load(library)).toThrow(/for arm64, this host needs x64/);
});
