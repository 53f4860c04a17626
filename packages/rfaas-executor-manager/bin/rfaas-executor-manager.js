#!/usr/bin/env node
// `npx rfaas-executor-manager` installs the package of this name; the command itself lives in @rfaas/executor-manager.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const require = createRequire(import.meta.url);
const manifest = require.resolve('@rfaas/executor-manager/package.json');
const program = join(dirname(manifest), require(manifest).bin['rfaas-executor-manager']);
await import(pathToFileURL(program).href);
