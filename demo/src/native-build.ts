import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/**
 * Compiles a C file to a shared library, as a user would by hand: `cc -O2 -shared -fPIC -o LIBRARY SOURCE -lm`.
 *
 * @throws Error with the compiler's words
 */
export async function compileLibrary(source: string, library: string): Promise<void> {
  const compiler = process.env['CC'] ?? 'cc';
  try {
    await promisify(execFile)(compiler, ['-O2', '-shared', '-fPIC', '-o', library, source, '-lm']);
  } catch (error) {
    throw new Error(`${compiler} could not compile ${source}: ${String(error)}`, { cause: error });
  }
}
