// `npm run pack [-- FOLDER]`: every publishable package as a tarball in FOLDER (default: dist/packages), with the native
// libraries of this machine's platform. Prints one JSON line: the tarballs in the order in which they can be published.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { endOfOutput, runCommand } from './run-command.mjs';
import { root, runAfterSetUp } from './setup.mjs';
import { stagePackages } from './stage-packages.mjs';

await runAfterSetUp(async () => {
  const output = resolve(process.argv[2] ?? join(root, 'dist', 'packages'));
  const staging = mkdtempSync(join(tmpdir(), 'rfaas-pack-'));
  try {
    const tarballs = [];
    for (const { name, folder } of stagePackages(root, staging)) {
      // npm would name the tarballs of @rfaas/x and rfaas-x alike: each gets a folder that is named like the package.
      const destination = join(output, name);
      mkdirSync(destination, { recursive: true });
      const options = ['--json', '--ignore-scripts', '--loglevel=error', '--pack-destination', destination];
      const parameters = ['pack', folder, ...options];
      const run = await runCommand('npm', parameters, { cwd: staging, quiet: true });
      if (!run.ok) {
        process.stderr.write(`${endOfOutput(run.output)}\nnpm pack of ${name} failed\n`);
        return 1;
      }
      const [{ version, filename }] = Object.values(JSON.parse(run.output));
      const file = join(destination, filename.replace('@', '').replace('/', '-'));
      process.stderr.write(`${file}\n`);
      tarballs.push({ name, version, file });
    }
    process.stdout.write(`${JSON.stringify({ tarballs })}\n`);
    return 0;
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
});
