#!/usr/bin/env node
// A script and not a module: Node starts it a fifth sooner.
const { statSync } = require('node:fs');
const { join } = require('node:path');

// The bundle (bundle.mjs) has the same code in fewer files. In a checkout it may be older than what it was made of: then
// the modules themselves run.
const parts = ['..', '../../core', '../../rdmalib'];
const timeOf = (path) => statSync(join(__dirname, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;
const bundled = timeOf('../dist/bundle/cli.js');
const isFresh = bundled > 0 && parts.every((part) => timeOf(`${part}/dist/.tsbuildinfo`) <= bundled);
if (isFresh) {
  require('../dist/bundle/cli.js');
} else {
  void import('../dist/cli.js');
}
