import { build } from 'esbuild';
import { copyFileSync, existsSync, readFileSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { bundleProgram } from '../../../scripts/bundle-program.mjs';
import { endOfOutput, runCommand } from '../../../scripts/run-command.mjs';
import { root } from '../../../scripts/setup.mjs';

/** Has files of its own beside its code. */
const NATIVE = ['koffi', 'ffi-rs', 'libsql', 'esbuild'];
/** Libraries share what they know each other's objects by. */
const SHARED = ['@rfaas/*', 'zod'];

/** Packages with a program, and the scripts of its threads. */
const PROGRAMS = [['resource-manager'], ['executor-manager'], ['client'], ['executor', 'thread/thread-main']];
const LIBRARIES = [
  ...[
    ['rdmalib', 'index'],
    ['core', 'index', 'http', 'wire'],
    ['client', 'index'],
  ].map(([name, ...files]) => ({
    entryPoints: files.map((file) => `packages/${name}/dist/${file}.js`),
    external: [...NATIVE, ...SHARED],
  })),
  { entryPoints: ['node_modules/zod/index.js'], external: [] },
];

/**
 * Writes the built programs and libraries, each with all the modules that it loads in one file, to their places below
 * `folder` instead of the checkout. A manager loads up to a thousand modules, and where processors are emulated that
 * takes most of a test's time, and compiling them most of the rest.
 */
export async function writeBundles(folder) {
  await Promise.all(
    PROGRAMS.map(async ([name, ...threads]) => writeProgram(name, threads, join(folder, 'packages', name))),
  );
  for (const library of LIBRARIES) {
    await build({
      ...library,
      absWorkingDir: root,
      outbase: root,
      outdir: folder,
      bundle: true,
      splitting: true,
      chunkNames: `${dirname(library.entryPoints[0])}/shared-[hash]`,
      platform: 'node',
      target: 'node20',
      format: 'esm',
      plugins: [ownPlaces],
      banner: { js: REQUIRE },
      logLevel: 'warning',
    });
  }
}

/** As dist/bundle, with what comes from npm in it, and compiled. */
async function writeProgram(name, threads, folder) {
  const source = join(root, 'packages', name);
  const output = join(folder, 'dist', 'bundle');
  await bundleProgram(source, { threads, output, except: NATIVE });
  copyFileSync(join(source, 'package.json'), join(folder, 'package.json'));
  const scripts = ['cli', ...threads.map((script) => basename(script))];
  for (const script of scripts) {
    renameSync(join(output, `${script}.js`), join(output, `${script}.source.js`));
    copyFileSync(new URL('compiled-script.cjs', import.meta.url), join(output, `${script}.js`));
  }
  for (const script of scripts) {
    // Whether it succeeds is of no interest: it gets as far as it can without the parts of a cluster.
    const { output: said } = await runCommand(process.execPath, [join(output, `${script}.js`), '--version'], {
      env: { ...process.env, NODE_PATH: join(root, 'node_modules'), SOFT_ROCE_COMPILE: '1' },
      quiet: true,
    });
    if (!existsSync(join(output, `${script}.cache`))) {
      throw new Error(`${script} of the ${name} cannot be compiled:\n${endOfOutput(said)}`);
    }
  }
}

/** For what was CommonJS. */
const REQUIRE =
  "import { createRequire as createBundleRequire } from 'node:module';\n" +
  'const require = createBundleRequire(import.meta.url);';

/** Our modules find other files from where they themselves are in the checkout, which the guest has at the same path. */
const ownPlaces = {
  name: 'own-places',
  setup({ onLoad }) {
    onLoad({ filter: /\/packages\/[^/]+\/dist\/.*\.js$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replaceAll(
        'import.meta.url',
        JSON.stringify(pathToFileURL(path).href),
      ),
    }));
  },
};
