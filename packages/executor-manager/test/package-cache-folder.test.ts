import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { existsSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PackageCacheFolder } from '../src/package-cache-folder.ts';

let parent: string;

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'rfaas-cache-'));
});

afterEach(() => rmSync(parent, { recursive: true, force: true }));

function file(name: string, bytes: number, usedAt: number): string {
  const path = join(parent, 'cache', name);
  writeFileSync(path, new Uint8Array(bytes));
  utimesSync(path, usedAt, usedAt);
  return path;
}

test('is made for its owner only', () => {
  new PackageCacheFolder(join(parent, 'cache'), 1);
  expect(statSync(join(parent, 'cache')).mode & 0o777).toBe(0o700);
});

test('drops what was unused for longest, and only as much as it must', () => {
  const cache = new PackageCacheFolder(join(parent, 'cache'), 1);
  const old = file('old', 500_000, 1);
  const older = file('older', 500_000, 0);
  const fresh = file('fresh', 500_000, 2);
  cache.trim();
  expect([older, old, fresh].map((path) => existsSync(path))).toEqual([false, true, true]);
  cache.trim();
  expect(existsSync(old)).toBe(true);
});

test('that cannot be made is an error that names it', () => {
  writeFileSync(join(parent, 'cache'), 'a file');
  expect(() => new PackageCacheFolder(join(parent, 'cache', 'packages'), 1)).toThrow(
    /package_cache: cannot make/,
  );
});
