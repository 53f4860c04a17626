import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { functionNamesOf } from '../src/functions/function-names.ts';
import { readFunctionPackage } from '../src/functions/function-package.ts';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rfaas-package-'));
});

afterAll(async () => {
  await rm(directory, { recursive: true });
});

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, content);
  return path;
}

function text({ bytes }: { bytes: Uint8Array }): string {
  return new TextDecoder().decode(bytes);
}

describe('a module', () => {
  test('is bundled with what it imports by path; bare imports stay', async () => {
    await file('part.js', 'export const double = (value) => value * 2;');
    const path = await file(
      'whole.js',
      `import sharp from 'sharp';
       import { readFileSync } from 'node:fs';
       import { double } from './part.js';
       export async function run(input, output) { return double(sharp ? 1 : readFileSync.length); }`,
    );
    const functionPackage = await readFunctionPackage({ module: path });
    expect(functionPackage).toMatchObject({ kind: 'javascript', name: 'whole.js' });
    expect(text(functionPackage)).toContain('value * 2');
    expect(text(functionPackage)).toMatch(/from "sharp"/);
    expect(await functionNamesOf(functionPackage)).toEqual(['run']);
  });

  test('may be TypeScript, a URL, or text', async () => {
    const path = await file(
      'typed.ts',
      'export function size(input: Uint8Array): number { return input.length; }',
    );
    expect(text(await readFunctionPackage({ module: pathToFileURL(path) }))).not.toContain(': Uint8Array');
    const inline = await readFunctionPackage({
      module: { source: 'export const f = () => 0;', name: 'inline.js' },
    });
    expect(inline.name).toBe('inline.js');
  });

  test('is named by its bytes: the same source has the same hash', async () => {
    const source = { module: { source: 'export function f() { return 0; }' } };
    const [first, second] = [await readFunctionPackage(source), await readFunctionPackage(source)];
    expect(first.sha256).toBe(second.sha256);
    expect(first.sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  test('with a syntax error is refused with file, line and column', async () => {
    const path = await file('broken.js', 'export function f() {\n  return 1 +;\n}\n');
    await expect(readFunctionPackage({ module: path })).rejects.toMatchObject({
      code: 'RFAAS_ERR_PACKAGE',
      message: expect.stringMatching(/broken\.js:2:\d+: Unexpected ";"/),
    });
  });

  test('that imports a file which is not there is refused', async () => {
    const path = await file('lonely.js', "import './nowhere.js'; export const f = () => 0;");
    await expect(readFunctionPackage({ module: path })).rejects.toMatchObject({
      code: 'RFAAS_ERR_PACKAGE',
      message: expect.stringContaining('nowhere.js'),
    });
  });

  test('that exports nothing is refused', async () => {
    await expect(readFunctionPackage({ module: { source: 'const a = 1;' } })).rejects.toMatchObject({
      code: 'RFAAS_ERR_PACKAGE',
      message: expect.stringContaining('exports no function'),
    });
  });

  test('whose name is long is sent with a shorter one', async () => {
    const name = `${'ä'.repeat(60)}.js`;
    const functionPackage = await readFunctionPackage({
      module: { source: 'export const f = () => 0;', name },
    });
    expect(Buffer.byteLength(functionPackage.name)).toBeLessThanOrEqual(63);
  });
});

describe('a library', () => {
  test('that is not there is refused with its path', async () => {
    const path = join(directory, 'missing.so');
    await expect(readFunctionPackage({ library: path })).rejects.toMatchObject({
      code: 'RFAAS_ERR_PACKAGE',
      message: expect.stringContaining(path),
    });
  });

  test('that is no ELF file is refused before anything is sent', async () => {
    const path = await file('text.so', 'this is no library');
    await expect(readFunctionPackage({ library: path })).rejects.toMatchObject({
      code: 'RFAAS_ERR_PACKAGE',
      message: expect.stringContaining('text.so'),
    });
    await expect(readFunctionPackage({ library: new Uint8Array(64) })).rejects.toMatchObject({
      code: 'RFAAS_ERR_PACKAGE',
    });
  });
});

test('a source that is neither is a usage error', async () => {
  await expect(readFunctionPackage({} as never)).rejects.toMatchObject({ code: 'RFAAS_ERR_USAGE' });
});
