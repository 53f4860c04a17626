import { build } from 'esbuild';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { bundleProgram } from '../../../scripts/bundle-program.mjs';
import { root } from '../../../scripts/setup.mjs';

/** Has files of its own beside its code. */
const NATIVE = ['koffi', 'ffi-rs', 'libsql', 'esbuild'];
/** Libraries share what they know each other's objects by. */
const SHARED = ['@rfaas/*', 'zod'];

const PROGRAMS = ['resource-manager', 'executor-manager', 'client'];
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
 * takes most of a test's time.
 */
export async function writeBundles(folder) {
  for (const name of PROGRAMS) {
    const output = join(folder, 'packages', name, 'dist', 'bundle');
    await bundleProgram(join(root, 'packages', name), { output, except: NATIVE });
  }
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
