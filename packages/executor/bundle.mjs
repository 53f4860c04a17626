// Joins the executor's modules into two scripts, dist/bundle/{cli,thread-main}.js. Every module that Node loads costs time
// and, in each thread again, memory, and scripts start sooner than modules do.
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const dist = join(dirname(fileURLToPath(import.meta.url)), 'dist');
const bundle = join(dist, 'bundle');

await build({
  entryPoints: { cli: join(dist, 'cli.js'), 'thread-main': join(dist, 'thread', 'thread-main.js') },
  outdir: bundle,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  define: { 'import.meta.url': 'bundleUrl' },
  banner: { js: "const bundleUrl = require('node:url').pathToFileURL(__filename).href;" },
  // What comes from npm stays outside: it has files of its own beside its code, and its own licences.
  external: ['koffi', 'ffi-rs', 'es-module-lexer', 'import-meta-resolve'],
  logLevel: 'warning',
});
// The package around it is one of modules.
writeFileSync(join(bundle, 'package.json'), '{ "type": "commonjs" }\n');
