import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ModulesDirectoryResolver } from '../../src/functions/module-resolver.ts';

let parent: string;
let modules: string;

function addFile(path: string, content: unknown): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
}

beforeAll(() => {
  parent = realpathSync(mkdtempSync(join(tmpdir(), 'rfaas-modules-')));
  modules = join(parent, 'site');
  const packages = join(modules, 'node_modules');
  addFile(join(packages, 'plain', 'package.json'), { name: 'plain', main: 'lib/main.js' });
  addFile(join(packages, 'plain', 'lib', 'main.js'), '');
  addFile(join(packages, '@scope', 'dual', 'package.json'), {
    name: '@scope/dual',
    exports: { '.': { require: './index.cjs', import: './index.mjs' }, './extra': './extra.mjs' },
  });
  for (const file of ['index.cjs', 'index.mjs', 'extra.mjs', 'hidden.mjs']) {
    addFile(join(packages, '@scope', 'dual', file), '');
  }
  // Beside and above the configured folder: out of reach.
  addFile(join(parent, 'node_modules', 'above', 'package.json'), { name: 'above', main: 'main.js' });
  addFile(join(parent, 'node_modules', 'above', 'main.js'), '');
});

afterAll(() => rmSync(parent, { recursive: true, force: true }));

function fileUrl(...path: string[]): string {
  return pathToFileURL(join(modules, 'node_modules', ...path)).href;
}

describe('with a modules directory', () => {
  test("Node's own modules are imported as they are", async () => {
    const resolver = new ModulesDirectoryResolver(modules);
    expect(await resolver.resolve('node:crypto')).toBe('node:crypto');
    expect(await resolver.resolve('fs/promises')).toBe('fs/promises');
  });

  test('packages come from it, as an import would find them', async () => {
    const resolver = new ModulesDirectoryResolver(modules);
    expect(await resolver.resolve('plain')).toBe(fileUrl('plain', 'lib', 'main.js'));
    expect(await resolver.resolve('@scope/dual')).toBe(fileUrl('@scope', 'dual', 'index.mjs'));
    expect(await resolver.resolve('@scope/dual/extra')).toBe(fileUrl('@scope', 'dual', 'extra.mjs'));
  });

  test('it may also be named by its node_modules', async () => {
    const resolver = new ModulesDirectoryResolver(join(modules, 'node_modules'));
    expect(await resolver.resolve('plain')).toBe(fileUrl('plain', 'lib', 'main.js'));
  });

  test('what a package does not export cannot be had', async () => {
    const resolver = new ModulesDirectoryResolver(modules);
    await expect(resolver.resolve('@scope/dual/hidden.mjs')).rejects.toThrow(
      /"@scope\/dual\/hidden.mjs".*hidden/,
    );
  });

  test('a package that is not there is named, and folders above are not looked at', async () => {
    const resolver = new ModulesDirectoryResolver(modules);
    await expect(resolver.resolve('above')).rejects.toThrow(/cannot import "above".*has no package "above"/);
    await expect(resolver.resolve('@scope/nothing')).rejects.toThrow(/has no package "@scope\/nothing"/);
  });

  test.each([
    './beside.js',
    '../above.js',
    '/etc/passwd',
    'file:///etc/passwd',
    'https://example.org/x.js',
    'data:text/javascript,1',
    '#internal',
    '..',
    '',
    'node_modules/../../x',
  ])('%p is no package', async (specifier) => {
    const resolver = new ModulesDirectoryResolver(modules);
    await expect(resolver.resolve(specifier)).rejects.toThrow(JSON.stringify(specifier));
  });

  test('a package name does not lead out of the folder', async () => {
    const resolver = new ModulesDirectoryResolver(modules);
    await expect(resolver.resolve('plain/../../../node_modules/above/main.js')).rejects.toThrow(
      /cannot import/,
    );
  });
});

test('without a modules directory the error says that there is none', async () => {
  const resolver = new ModulesDirectoryResolver(undefined);
  expect(await resolver.resolve('node:fs')).toBe('node:fs');
  await expect(resolver.resolve('sharp')).rejects.toThrow(
    /"sharp": this node has no modules directory configured/,
  );
});
