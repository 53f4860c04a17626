// Stands for program.js beside it: starts it from what V8 made of it, which program.cache keeps. Under
// SOFT_ROCE_COMPILE it writes that file when the program ends, with all the functions that were called until then.
const { existsSync, readFileSync, writeFileSync } = require('node:fs');
const Module = require('node:module');
const { join } = require('node:path');
const { Script, constants } = require('node:vm');

const filename = join(__dirname, 'program.js');
const cache = join(__dirname, 'program.cache');
const script = new Script(Module.wrap(readFileSync(filename, 'utf8')), {
  filename,
  cachedData: existsSync(cache) ? readFileSync(cache) : undefined,
  importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
});
if (process.env.SOFT_ROCE_COMPILE !== undefined) {
  process.on('exit', () => writeFileSync(cache, script.createCachedData()));
} else if (script.cachedDataRejected !== false) {
  process.emitWarning(`${cache} is of no use here`);
}
script.runInThisContext()(exports, require, module, filename, __dirname);
