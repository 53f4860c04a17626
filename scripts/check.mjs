// `npm run check`: everything about the code that is not a test. All parts run, so that one run shows all findings.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from './requirements.mjs';
import { runCommand } from './run-command.mjs';
import { root, runAfterSetUp } from './setup.mjs';

const print = (line) => process.stdout.write(`${line}\n`);
const tool = (file) => join(root, 'node_modules', file);

/** Parts in which `unavailable` may say why the part cannot run here. */
const PARTS = [
  { title: 'Types', parameters: [tool('typescript/bin/tsc'), '-p', 'tsconfig.check.json'] },
  { title: 'Lint', parameters: [tool('eslint/bin/eslint.js'), '--max-warnings', '0', '.'] },
  { title: 'Format', parameters: [tool('prettier/bin/prettier.cjs'), '--check', '--log-level', 'warn', '.'] },
  { title: 'Layering', parameters: ['scripts/check-layering.mjs'] },
  // Every exported name and every member is documented, and what documents refer to exists.
  {
    title: 'Documentation of @rfaas/rdmalib',
    parameters: [
      tool('typedoc/bin/typedoc'),
      '--options',
      'packages/rdmalib/typedoc.json',
      '--emit',
      'none',
      '--logLevel',
      'Warn',
    ],
  },
  { title: 'Configuration schemas', parameters: ['scripts/generate-config-schemas.mjs', '--check'] },
  {
    title: 'Format of C',
    program: 'clang-format',
    parameters: ['--dry-run', '--Werror', ...cFiles()],
    unavailable: findProgram('clang-format') === undefined ? 'clang-format is not in PATH' : undefined,
  },
];

await runAfterSetUp(async () => {
  const failed = [];
  const notRun = [];
  for (const { title, program, parameters, unavailable } of PARTS) {
    if (unavailable !== undefined) {
      notRun.push(`${title}: ${unavailable}`);
      continue;
    }
    const started = performance.now();
    const run = await runCommand(program ?? process.execPath, parameters, { cwd: root });
    print(`${run.ok ? 'ok  ' : 'FAIL'} ${title} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
    if (!run.ok) failed.push(title);
  }
  for (const line of notRun) print(`not run: ${line}`);
  print(failed.length === 0 ? 'All checks passed' : `Failed: ${failed.join(', ')}`);
  return failed.length === 0 ? 0 : 1;
});

function cFiles() {
  const folders = ['native-shims', 'demo', 'examples', 'tests', 'benchmarks'].filter((folder) =>
    existsSync(join(root, folder)),
  );
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true })
      .filter((file) => /\.[ch]$/.test(file) && !/(^|\/)(node_modules|build)\//.test(file))
      .map((file) => join(folder, file)),
  );
}
