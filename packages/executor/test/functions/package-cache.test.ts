import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { openTransport } from '@rfaas/rdmalib';
import type { ProtectionDomain, Transport } from '@rfaas/rdmalib';
import { mkdtempSync, readdirSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readCachedPackage, writeCachedPackage } from '../../src/functions/package-cache.ts';
import { sha256Of } from '../../src/functions/package-fetch.ts';

let directory: string;
let transport: Transport;
let domain: ProtectionDomain;
const bytes = new TextEncoder().encode('a package');
const wanted = { sha256: sha256Of(bytes), packageBytes: bytes.byteLength };

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rfaas-cache-'));
  transport = openTransport(`shm://0?directory=${directory}/transport`);
  domain = transport.openProtectionDomain();
});

afterEach(async () => {
  await transport.close();
  rmSync(directory, { recursive: true, force: true });
});

test('what was kept is found under its hash, in memory that can be loaded from', () => {
  writeCachedPackage(directory, wanted.sha256, bytes);
  const file = readCachedPackage(directory, wanted, domain);
  expect(file?.bytes.slice(0, bytes.byteLength)).toEqual(bytes);
  expect(file?.path).toMatch(/^\/proc\/self\/fd\//);
  expect(readdirSync(directory).filter((name) => name.startsWith('.'))).toEqual([]);
});

test('what is not there is not found', () => {
  expect(readCachedPackage(directory, wanted, domain)).toBeUndefined();
});

test('what somebody changed, shortened or lengthened is not taken', () => {
  const path = join(directory, wanted.sha256);
  writeFileSync(path, 'b package');
  expect(readCachedPackage(directory, wanted, domain)).toBeUndefined();
  writeFileSync(path, bytes);
  truncateSync(path, 3);
  expect(readCachedPackage(directory, wanted, domain)).toBeUndefined();
  writeFileSync(path, 'a package and more');
  expect(readCachedPackage(directory, wanted, domain)).toBeUndefined();
});

test('a use is remembered', () => {
  writeCachedPackage(directory, wanted.sha256, bytes);
  const path = join(directory, wanted.sha256);
  utimesSync(path, 0, 0);
  readCachedPackage(directory, wanted, domain);
  expect(statSync(path).mtimeMs).toBeGreaterThan(0);
});

test('a folder that cannot be written to keeps nothing, and that is all', () => {
  const gone = join(directory, 'gone');
  writeCachedPackage(gone, wanted.sha256, bytes);
  expect(readCachedPackage(gone, wanted, domain)).toBeUndefined();
});
