#!/usr/bin/env node
// A script and not a module: Node starts it a fifth sooner.
const { join } = require('node:path');
const { startProgram } = require('@rfaas/core/start-program');

startProgram(join(__dirname, '..'));
