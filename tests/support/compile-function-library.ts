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
  if ('file' in source) {
    return compileLibraryFile(fileURLToPath(new URL(`functions/${source.file}`, import.meta.url)), flags);
  }
  const directory = await mkdtemp(join(tmpdir(), 'rfaas-source-'));
  try {
    const file = join(directory, 'functions.c');
    await writeFile(file, source.text);
    return await compileLibraryFile(file, flags);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Compiles a C file to a shared library in a folder of its own. */
export async function compileLibraryFile(
  file: string,
  flags: readonly string[] = [],
): Promise<CompiledLibrary> {
  const directory = await mkdtemp(join(tmpdir(), 'rfaas-library-'));
  const path = join(directory, 'library.so');
  const options = ['-shared', '-fPIC', '-O1', '-Wall', '-Werror'];
  await run(process.env['CC'] ?? 'cc', [...options, '-o', path, file, ...flags]);
  return {
    path,
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}
