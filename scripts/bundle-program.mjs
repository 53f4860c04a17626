import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { build } from 'esbuild';

/**
 * Joins the modules of a package's program, and those of our other packages that it imports, into one script each:
 * dist/bundle/cli.js for dist/cli.js. Every module that Node loads costs time and, in each thread again, memory, and
 * scripts start sooner than modules do. What comes from npm stays outside: it has files of its own beside its code, and
 * its own licences.
 *
 * @param {string} folder of the package, built
 * @param {object} [options]
 * @param {string[]} [options.threads] further scripts, which threads of the program run, below dist and without ".js"; the
 *   modules in their folders find them beside the bundle
 * @param {string} [options.output] where the scripts are written instead
 * @param {string[]} [options.except] what comes from npm goes into the bundle, but for these; for scripts that nobody gets
 */
export async function bundleProgram(folder, { threads = [], output, except } = {}) {
  const dist = join(folder, 'dist');
  const bundle = output ?? join(dist, 'bundle');
  await build({
    entryPoints: Object.fromEntries(
      ['cli', ...threads].map((script) => [script.split('/').at(-1), join(dist, `${script}.js`)]),
    ),
    outdir: bundle,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    external: except,
    // What nobody reads need not be read by Node either.
    minifyWhitespace: except !== undefined,
    minifySyntax: except !== undefined,
    plugins: [outside(except === undefined), placesOfModules(dist, threads)],
    logLevel: 'warning',
  });
  // The package around it is one of modules.
  writeFileSync(join(bundle, 'package.json'), '{ "type": "commonjs" }\n');
}

/** What is only asked for its place stays outside, and, for `allOfNpm`, what is none of ours. */
function outside(allOfNpm) {
  const isOurs = /^(\.|\/|@rfaas\/)/;
  return {
    name: 'outside',
    setup({ onResolve }) {
      onResolve({ filter: /./ }, ({ path, kind }) =>
        kind === 'require-resolve' || (allOfNpm && kind !== 'entry-point' && !isOurs.test(path))
          ? { path, external: true }
          : undefined,
      );
    },
  };
}

/** Modules find files from where they themselves are; in the bundle they look from there, too. */
function placesOfModules(dist, threads) {
  const threadFolders = threads.map((script) => join(dist, dirname(script)));
  const urlOf = (path) => {
    if (threadFolders.includes(dirname(path))) return 'require("node:url").pathToFileURL(__filename).href';
    const [, name, module] = /\/packages\/([^/]+)\/(dist\/.*)$/.exec(path.split(sep).join('/'));
    const manifest = path.startsWith(dist + sep) ? '../../package.json' : `@rfaas/${name}/package.json`;
    const base = `require("node:url").pathToFileURL(require.resolve(${JSON.stringify(manifest)}))`;
    return `new URL(${JSON.stringify(`./${module}`)}, ${base}).href`;
  };
  return {
    name: 'places-of-modules',
    setup({ onLoad }) {
      onLoad({ filter: /\/packages\/[^/]+\/dist\/.*\.js$/ }, ({ path }) => ({
        contents: readFileSync(path, 'utf8').replaceAll('import.meta.url', urlOf(path)),
      }));
    },
  };
}
