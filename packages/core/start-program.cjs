const { statSync } = require('node:fs');
const { join } = require('node:path');

/**
 * Starts the program of a package: its bundle, or the modules that this was made of where they are newer, as in a checkout
 * that is being worked on.
 *
 * @param {string} folder of the package
 */
exports.startProgram = (folder) => {
  const timeOf = (...path) => statSync(join(folder, ...path), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const bundled = timeOf('dist', 'bundle', 'cli.js');
  const parts = ['.', '../core', '../rdmalib'];
  const isFresh = bundled > 0 && parts.every((part) => timeOf(part, 'dist', '.tsbuildinfo') <= bundled);
  if (isFresh) require(join(folder, 'dist', 'bundle', 'cli.js'));
  else void import(join(folder, 'dist', 'cli.js'));
};
