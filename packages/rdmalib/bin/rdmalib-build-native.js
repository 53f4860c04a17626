#!/usr/bin/env node
// Builds the native libraries from the C sources that this package carries: for platforms without a prebuilt package, and for
// whoever wants their own build. Never run by an installation.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const packageFolder = dirname(dirname(fileURLToPath(import.meta.url)));
// In the published package the sources are inside it, in a checkout beside packages/.
const folders = [packageFolder, dirname(dirname(packageFolder))].map((folder) =>
  join(folder, 'native-shims'),
);
const sources = folders.find((folder) => existsSync(join(folder, 'Makefile')));

process.exitCode = build();

function build() {
  if (process.argv.length > 2) {
    process.stdout.write(
      'Usage: npx rdmalib-build-native\nBuilds the native libraries; needs make and a C compiler ($CC, or cc).\n',
    );
    return ['-h', '--help'].includes(process.argv[2]) ? 0 : 2;
  }
  if (sources === undefined) {
    process.stderr.write(`No C sources found; looked for a Makefile in ${folders.join(' and ')}\n`);
    return 1;
  }
  const make = spawnSync('make', ['-C', sources, 'libraries'], { stdio: 'inherit' });
  if (make.error !== undefined) {
    process.stderr.write(`Cannot run make (${make.error.message}): install make and a C compiler\n`);
    return 1;
  }
  if (make.status === 0)
    process.stdout.write(`Built in ${join(sources, 'build')}; rdmalib looks there first.\n`);
  return make.status ?? 1;
}
