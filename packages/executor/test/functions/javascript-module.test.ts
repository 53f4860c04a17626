import { describe, expect, test } from '@jest/globals';
import { resolveImports } from '../../src/functions/javascript-module.ts';
import type { ModuleResolver } from '../../src/functions/module-resolver.ts';

const resolver: ModuleResolver = {
  resolve(specifier) {
    return specifier === 'forbidden'
      ? Promise.reject(new Error('cannot import "forbidden"'))
      : Promise.resolve(specifier.startsWith('node:') ? specifier : `file:///modules/${specifier}.js`);
  },
};

describe('imports', () => {
  test.each([
    ["import a from 'a';", "import a from 'file:///modules/a.js';"],
    ['import * as b from "b"; b();', 'import * as b from "file:///modules/b.js"; b();'],
    ["import 'c'", "import 'file:///modules/c.js'"],
    ["export { d } from 'd';", "export { d } from 'file:///modules/d.js';"],
    ["export * from 'e'", "export * from 'file:///modules/e.js'"],
    ["const f = await import('f');", 'const f = await import("file:///modules/f.js");'],
    ["import fs from 'node:fs';", "import fs from 'node:fs';"],
    [
      "import a from 'a'; import b from 'b';",
      "import a from 'file:///modules/a.js'; import b from 'file:///modules/b.js';",
    ],
  ])('%s', async (code, expected) => {
    expect(await resolveImports(code, resolver)).toBe(expected);
  });

  test('that only a run can tell stay as they are, and so does what only looks like one', async () => {
    const code = 'const x = await import(name); import.meta.url; "import y from \'y\'"; // import z from "z"';
    expect(await resolveImports(code, resolver)).toBe(code);
  });

  test('that cannot be had are named with their line', async () => {
    const code = "import a from 'a';\n\nexport * from 'forbidden';\n";
    await expect(resolveImports(code, resolver)).rejects.toThrow('line 3: cannot import "forbidden"');
  });

  test('keep every line where it was', async () => {
    const code = "import a from 'a';\nexport function run() {\n  return a;\n}\n";
    const resolved = await resolveImports(code, resolver);
    expect(resolved.split('\n').slice(1)).toEqual(code.split('\n').slice(1));
  });
});

test('what the lexer cannot read is an error with a position', async () => {
  await expect(resolveImports('export function (', resolver)).rejects.toHaveProperty('idx');
});
