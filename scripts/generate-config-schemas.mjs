// Writes configs/schema/*.json from the zod schemas of @rfaas/core; with --check it only compares, for CI.
// Needs a built @rfaas/core.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { configJsonSchemas } from '@rfaas/core';
import { format, resolveConfig } from 'prettier';

const folder = new URL('../configs/schema/', import.meta.url);
const check = process.argv.includes('--check');
const stale = [];

for (const [name, schema] of Object.entries(configJsonSchemas())) {
  const path = fileURLToPath(new URL(`${name}.json`, folder));
  const text = await format(JSON.stringify(schema), { ...(await resolveConfig(path)), filepath: path });
  if (!check) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path, text);
  } else if (readIfThere(path) !== text) {
    stale.push(path);
  }
}

if (stale.length > 0) {
  console.error(
    `not what the code generates: ${stale.join(', ')}; run "node scripts/generate-config-schemas.mjs"`,
  );
  process.exitCode = 1;
}

function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // A missing file is as stale as an old one.
    return undefined;
  }
}
