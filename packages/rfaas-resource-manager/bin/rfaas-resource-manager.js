#!/usr/bin/env node
// `npx rfaas-resource-manager` installs the package of this name; the command itself lives in @rfaas/resource-manager.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const require = createRequire(import.meta.url);
const manifest = require.resolve('@rfaas/resource-manager/package.json');
const program = join(dirname(manifest), require(manifest).bin['rfaas-resource-manager']);
await import(pathToFileURL(program).href);
