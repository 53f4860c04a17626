import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { elfFunctionNames, RfaasError } from '../../src/index.ts';
import { seededRandom } from '../seeded-random.ts';
import { smallElf } from './small-elf.ts';

describe('elfFunctionNames', () => {
  test('lists what is exported, sorted, and nothing else', () => {
    const library = smallElf([
      { name: 'second' },
      { name: 'first' },
      { name: 'weak', binding: 2 },
      { name: 'indirect', type: 10 },
      { name: 'protected', visibility: 3 },
      { name: 'Zulu' },
      { name: 'local', binding: 0 },
      { name: 'hidden', visibility: 2 },
      { name: 'imported', section: 0 },
      { name: 'variable', type: 1 },
      { name: '_init' },
      { name: '_fini' },
      { name: 'first' },
    ]);
    expect(elfFunctionNames(library, 'x64')).toEqual([
      'Zulu',
      'first',
      'indirect',
      'protected',
      'second',
      'weak',
    ]);
  });

  test('reads what the compiler of this host makes', () => {
    const folder = mkdtempSync(join(tmpdir(), 'rfaas-elf-'));
    try {
      const source = join(folder, 'functions.c');
      const library = join(folder, 'functions.so');
      writeFileSync(
        source,
        'int shown(void) { return 1; }\nint also_shown(void) { return 2; }\nint data;\nstatic int unseen(void) { return 3; }\n' +
          '__attribute__((visibility("hidden"))) int hidden(void) { return unseen(); }\nchar large[1 << 24];\n',
      );
      execFileSync('cc', ['-shared', '-fPIC', '-s', '-o', library, source]);
      expect(elfFunctionNames(readFileSync(library))).toEqual(['also_shown', 'shown']);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('a library without functions has none', () => {
    expect(elfFunctionNames(smallElf([]), 'x64')).toEqual([]);
  });
});

describe('what is no such library is named', () => {
  const library = smallElf([{ name: 'f' }]);

  function altered(offset: number, ...values: readonly number[]): Uint8Array {
    const copy = library.slice();
    copy.set(values, offset);
    return copy;
  }

  test.each([
    ['an empty file', new Uint8Array(0), 'no ELF file'],
    ['a script', new TextEncoder().encode('#!/bin/sh\nexit 0\n'), 'no ELF file'],
    ['another architecture', smallElf([], 183), 'it is for arm64, this host needs x64'],
    ['an unknown architecture', smallElf([], 4711), 'it is for machine number 4711'],
    ['a 32-bit library', altered(4, 1), '32-bit library'],
    ['a big-endian library', altered(5, 2), 'big-endian'],
    ['a program', altered(16, 2), 'not a shared library'],
    ['a header cut short', library.subarray(0, 18), 'truncated'],
    ['a file cut after its header', library.subarray(0, 64), 'truncated'],
    ['a file cut in its sections', library.subarray(0, library.byteLength - 1), 'truncated'],
    ['stripped section headers', altered(60, 0, 0), 'section headers were stripped'],
    ['a section table far away', altered(40, 255, 255, 255, 255, 255, 255, 255, 255), 'truncated'],
  ])('%s', (_what, bytes, text) => {
    expect(() => elfFunctionNames(bytes, 'x64')).toThrow(
      expect.objectContaining({ code: 'RFAAS_ERR_PACKAGE' }),
    );
    expect(() => elfFunctionNames(bytes, 'x64')).toThrow(text);
  });

  test('altered and cut files give names or an RfaasError, never anything else', () => {
    const random = seededRandom(99);
    const original = smallElf([{ name: 'alpha' }, { name: 'beta' }, { name: 'gamma', binding: 2 }]);
    for (let round = 0; round < 20_000; round += 1) {
      const bytes = original.slice();
      for (let change = random.below(4); change >= 0; change -= 1) {
        bytes[random.below(bytes.byteLength)] = random.below(256);
      }
      const file = random.below(8) === 0 ? bytes.subarray(0, random.below(bytes.byteLength)) : bytes;
      try {
        elfFunctionNames(file, 'x64');
      } catch (error) {
        if (!(error instanceof RfaasError) || error.code !== 'RFAAS_ERR_PACKAGE') {
          throw error;
        }
      }
    }
  });

  test('names that overlap in a huge string table do not take for ever', () => {
    const hostile = smallElf([{ name: 'x'.repeat(100_000) }]);
    expect(() => elfFunctionNames(hostile, 'x64')).toThrow('no end within 3500 bytes');
  });
});
