import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Why `node_modules` is not what package-lock.json asks for, or undefined when it is. Reads npm's own record of what it
 * installed (`node_modules/.package-lock.json`), so that a hand-run `npm install` counts too.
 *
 * @param {string} root the checkout
 */
export function installationMismatch(root) {
  const record = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(record)) return 'nothing is installed yet';
  const wanted = readPackages(join(root, 'package-lock.json'));
  const installed = readPackages(record);
  for (const [path, entry] of Object.entries(wanted)) {
    if (!path.includes('node_modules/')) continue; // the root and the workspaces themselves are in the checkout
    const found = installed[path];
    if (found === undefined) {
      if (entry.optional || entry.peer || entry.devOptional) continue; // another platform's binary
      return `${path} is not installed`;
    }
    if (found.version !== entry.version) return `${path} is ${found.version}, not ${entry.version}`;
    if (!existsSync(join(root, path))) return `${path} was removed`;
  }
  return undefined;
}

/** @param {string} file a lockfile, version 2 or later */
function readPackages(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages;
}
