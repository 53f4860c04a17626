// Runs bundle.mjs of every package that has one, after `tsc -b`.
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const packages = new URL('../packages/', import.meta.url);
await Promise.all(
  readdirSync(packages)
    .map((name) => new URL(`${name}/bundle.mjs`, packages))
    .filter((script) => existsSync(fileURLToPath(script)))
    .map(async (script) => import(script.href)),
);
