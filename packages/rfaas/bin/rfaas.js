#!/usr/bin/env node
// `npx rfaas` installs the package of this name; the command itself lives in @rfaas/client.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const require = createRequire(import.meta.url);
const manifest = require.resolve('@rfaas/client/package.json');
const program = join(dirname(manifest), require(manifest).bin['rfaas']);
await import(pathToFileURL(program).href);
