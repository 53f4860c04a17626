// In the guest: puts the bundles of a folder in their places, runs the parts of the tests that are named, and leaves what
// became of them in the shared folder.
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { runJestTests } from '../../scripts/jest-tests.mjs';
import { endOfOutput, runCommand } from '../../scripts/run-command.mjs';
import { addTests, noTests } from '../../scripts/test-summary.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const {
  SOFT_ROCE_ADDRESSES: addresses = '',
  SOFT_ROCE_MACHINE: machine = '',
  SOFT_ROCE_MODE: mode = '',
  SOFT_ROCE_SHARED: shared = '',
} = process.env;

/** Integration tests that are about what a transport carries; they run on verbs unchanged. */
const INVOCATIONS = ['client-invocation', 'client-connections', 'client-failures'];
const PROCESSES = ['client-packages', 'sudden-deaths'];

/** An emulated processor runs JavaScript some ten times slower, and another machine may be emulated at the same time. */
const PATIENTLY = ['--runInBand', '--verbose', '--testTimeout=240000'];

const LIBFABRIC = ['msg', 'rdm'].map((endpoint) => `tests/conformance/libfabric-verbs-${endpoint}.test.ts`);

/** Parts for jest: each one's project and files. */
const JEST_PARTS = {
  conformance: { project: 'conformance', files: ['tests/conformance/verbs.test.ts'] },
  // Only the conversations within one process, or all.
  libfabric: { project: 'conformance', files: LIBFABRIC },
  'all-of-libfabric': { project: 'conformance', files: LIBFABRIC },
  invocations: { project: 'integration', files: integration(INVOCATIONS) },
  processes: { project: 'integration', files: integration(PROCESSES) },
  'soft-roce': {
    project: 'soft-roce',
    files: [`tests/soft-roce/test/${mode}/${mode === 'two-machines' ? `on-machine-${machine}` : ''}`],
  },
};

process.env.RFAAS_REQUIRE_TRANSPORTS = 'verbs,libfabric:verbs;msg,libfabric:verbs;ofi_rxm;rdm';
// ofi_rxm makes one completion queue for so many peers, and those of Soft-RoCE are small.
process.env.FI_UNIVERSE_SIZE ??= '64';
process.env.FABRIC_TEST_HOST ??= addresses.split(',')[0];
process.env.RFAAS_TEST_PATIENCE ??= '8';
process.env.RFAAS_TEST_TRANSPORT ??= `verbs://${addresses.split(',')[0]}:0`;

const [bundles, ...parts] = process.argv.slice(2);
// What the guest changes stays in its memory.
cpSync(bundles, root, { recursive: true });

const total = noTests();
if (parts.includes('c-tests')) addTests(total, await timed('C tests', runCTests));
if (parts.includes('all-of-libfabric')) process.env.RFAAS_TEST_ALL_OF_LIBFABRIC_VERBS = '1';
const jestParts = parts.filter((part) => part in JEST_PARTS).map((part) => JEST_PARTS[part]);
const projects = [...new Set(jestParts.map(({ project }) => project))];
// Once for all of them: jest itself takes a while to load.
const parameters = [...PATIENTLY, ...jestParts.flatMap(({ files }) => files)];
addTests(total, await timed(projects.join(', '), () => runJestTests(root, projects, parameters)));
writeFileSync(join(shared, `results-${machine}.json`), JSON.stringify(total));

function integration(names) {
  return names.map((name) => `tests/integration/${name}.test.ts`);
}

async function timed(what, run) {
  const started = performance.now();
  const result = await run();
  process.stdout.write(`-- ${what}: ${((performance.now() - started) / 1000).toFixed(0)} s in the guest\n`);
  return result;
}

/** The programs were built on the host. */
async function runCTests() {
  const what = `C tests of verbs and of libfabric's verbs, ${mode}`;
  const targets = ['check-verbs', 'check-fabric-verbs'];
  const run = await runCommand('make', ['-s', '-C', 'native-shims', ...targets], {
    cwd: root,
    quiet: true,
  });
  process.stdout.write(`${run.ok ? 'PASS' : 'FAIL'} ${what}\n`);
  if (run.ok) return { ...noTests(), passed: 1 };
  process.stdout.write(`${endOfOutput(run.output)}\n`);
  return { ...noTests(), failed: [what] };
}
