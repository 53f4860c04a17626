import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** The version of an installed npm package; `unknown` where its manifest is not found. */
export function packageVersion(name: string): string {
  const entry = createRequire(import.meta.url).resolve(name);
  for (let folder = dirname(entry); folder !== dirname(folder); folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (!existsSync(manifest)) continue;
    const read = JSON.parse(readFileSync(manifest, 'utf8')) as { name?: string; version?: string };
    if (read.name === name) return read.version ?? 'unknown';
  }
  return 'unknown';
}

/** The first number with dots in what a program says of its version; `not installed` without the program. */
export function programVersion(program: string): string {
  try {
    const text = execFileSync(program, ['--version'], { encoding: 'utf8' });
    return /\d+(?:\.\d+)+/.exec(text)?.[0] ?? 'unknown';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'not installed';
    throw error;
  }
}
