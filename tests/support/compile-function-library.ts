import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A shared library of functions that a test compiled. */
export interface CompiledLibrary extends AsyncDisposable {
  readonly path: string;
}

/** Compiles C source, or a file of `tests/support/functions`, to a shared library in a folder of its own. */
export async function compileFunctionLibrary(
  source: { readonly text: string } | { readonly file: string },
  flags: readonly string[] = [],
): Promise<CompiledLibrary> {
  const directory = await mkdtemp(join(tmpdir(), 'rfaas-library-'));
  const path = join(directory, 'functions.so');
  let input: string;
  if ('file' in source) {
    input = fileURLToPath(new URL(`functions/${source.file}`, import.meta.url));
  } else {
    input = join(directory, 'functions.c');
    await writeFile(input, source.text);
  }
  await run(process.env['CC'] ?? 'cc', [
    '-shared',
    '-fPIC',
    '-O1',
    '-Wall',
    '-Werror',
    '-o',
    path,
    input,
    ...flags,
  ]);
  return {
    path,
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}
