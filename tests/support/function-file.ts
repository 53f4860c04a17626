import { fileURLToPath } from 'node:url';

/** The path of a file in `tests/support/functions`. */
export function functionFile(name: string): string {
  return fileURLToPath(new URL(`functions/${name}`, import.meta.url));
}
