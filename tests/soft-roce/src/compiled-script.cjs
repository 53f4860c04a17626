// Stands for a script, here NAME.js: runs NAME.source.js from what V8 made of it, which NAME.cache keeps. Under
// SOFT_ROCE_COMPILE it writes that file when it ends, with all the functions that were called until then.
const { existsSync, readFileSync, writeFileSync } = require('node:fs');
const Module = require('node:module');
const { Script, constants } = require('node:vm');

const filename = __filename.replace(/\.js$/, '.source.js');
const cache = __filename.replace(/\.js$/, '.cache');
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
