#!/usr/bin/env node
import { statSync } from 'node:fs';

// The bundle (bundle.mjs) has the same code in fewer files. In a checkout it may be older than what it was made of: then
// the modules themselves run.
const parts = ['..', '../../core', '../../rdmalib'];
const timeOf = (path) => statSync(new URL(path, import.meta.url), { throwIfNoEntry: false })?.mtimeMs ?? 0;
const bundled = timeOf('../dist/bundle/cli.js');
const isFresh = bundled > 0 && parts.every((part) => timeOf(`${part}/dist/.tsbuildinfo`) <= bundled);
await import(isFresh ? '../dist/bundle/cli.js' : '../dist/cli.js');
