// Bundles the program, and joins the scripts of the web page, and its styles, into one file each: dist/web is all that the
// page consists of.
import { cpSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

import { bundleProgram } from '../../scripts/bundle-program.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const from = join(here, 'web');
const to = join(here, 'dist', 'web');
const chartLibrary = dirname(createRequire(import.meta.url).resolve('uplot/package.json'));

await bundleProgram(here);
await build({
  entryPoints: { console: join(from, 'src', 'main.ts') },
  outdir: to,
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  // The library's terms ask for its notice in every copy.
  banner: { js: `/* Contains uPlot:\n${readFileSync(join(chartLibrary, 'LICENSE'), 'utf8')}*/` },
  logLevel: 'warning',
});
await build({
  entryPoints: { console: join(from, 'style.css') },
  outdir: to,
  bundle: true,
  minify: true,
  logLevel: 'warning',
});
for (const file of ['index.html', 'icon.svg']) {
  cpSync(join(from, file), join(to, file));
}
