import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { runCommand } from '../../../scripts/run-command.mjs';
import { root, setUp } from '../../../scripts/setup.mjs';
import { addTests, noTests, printTestSummary } from '../../../scripts/test-summary.mjs';

const GUEST_TESTS = fileURLToPath(new URL('../guest-tests.mjs', import.meta.url));

/**
 * The boots that test everything there is, longest first, and what is tested in each (guest-tests.mjs). `alone`: its tests
 * spin on both processors, and another machine beside them would take both many times longer. `ifNamed`: runs only where
 * `--part` asks for it.
 */
const BOOTS = [
  { name: 'contract', mode: 'one-device', parts: ['c-tests', 'conformance', 'libfabric'], alone: true },
  { name: 'one-device', mode: 'one-device', parts: ['soft-roce'] },
  { name: 'invocations', mode: 'one-device', parts: ['invocations'] },
  { name: 'processes', mode: 'one-device', parts: ['processes'] },
  { name: 'two-devices', mode: 'two-devices', netem: 'delay 200us loss 0.3%', parts: ['soft-roce'] },
  { name: 'two-machines', mode: 'two-machines', parts: ['soft-roce'] },
  { name: 'all-of-libfabric', mode: 'one-device', parts: ['all-of-libfabric'], alone: true, ifNamed: true },
];

/** What `--part` may name. */
export const PARTS = BOOTS.map(({ name }) => name);

/** An emulated machine with two processors keeps little more than one of this machine's busy: most of the time one waits. */
const AT_ONCE = Math.min(2, availableParallelism());
/** One that takes longer hangs. */
const TIMEOUT_SECONDS = 1500;

/**
 * Boots the machines (or pairs), some at once, and runs their tests.
 *
 * @param {object} options as parseOptions gives them
 * @param {(options: object, collect: (status: number, shared: string, machines: number[]) => void) => Promise<number>} boot
 *   boots with these options, lets the caller collect from the shared folder, resolves with the exit status
 * @returns {Promise<number>} the exit status of all this
 */
export async function runTestPlan(options, boot) {
  await build();
  const bundles = mkdtempSync(join(tmpdir(), 'rfaas-soft-roce-bundles-'));
  try {
    // Its bundler is there only since all was set up.
    const { writeBundles } = await import('./bundles.mjs');
    await writeBundles(bundles);
    return await runBoots({ ...options, bundles }, boot);
  } finally {
    rmSync(bundles, { recursive: true, force: true });
  }
}

async function runBoots(options, boot) {
  const total = noTests();
  const chosen = BOOTS.filter(({ name, ifNamed }) =>
    options.parts.length === 0 ? !ifNamed : options.parts.includes(name),
  );
  let interrupted = 0;
  const runSome = async (waiting, atOnce) => {
    const work = async () => {
      for (let next = waiting.shift(); next !== undefined && interrupted === 0; next = waiting.shift()) {
        const status = await runTests(next, options, boot, total);
        if (status >= 128) interrupted ||= status;
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
  };
  await runSome(
    chosen.filter(({ alone }) => alone),
    1,
  );
  await runSome(
    chosen.filter(({ alone }) => !alone),
    AT_ONCE,
  );
  if (interrupted !== 0) return interrupted;
  printTestSummary(total);
  return total.failed.length === 0 ? 0 : 1;
}

async function runTests({ name, mode, netem = '', parts }, options, boot, total) {
  const title = `Soft-RoCE, ${name}${netem === '' ? '' : `, ${netem}`}`;
  const started = performance.now();
  process.stdout.write(`== ${title}\n`);
  const command = [process.execPath, GUEST_TESTS, options.bundles, ...parts];
  const bootOptions = { ...options, mode, netem, label: name, timeoutSeconds: TIMEOUT_SECONDS, command };
  const collect = (ended, shared, machines) => {
    for (const machine of machines)
      addTests(total, resultsOf(shared, machine, `${title}: exit status ${ended}`));
  };
  let status = 0;
  try {
    status = await boot(bootOptions, collect);
  } catch (error) {
    process.stderr.write(`soft-roce: ${error.message}\n`);
    total.failed.push(`${title}: could not be run`);
  }
  process.stdout.write(`== ${title}: ${((performance.now() - started) / 1000).toFixed(0)} s\n`);
  return status;
}

/** On this machine, where it takes a tenth of the time. */
async function build() {
  await setUp((line) => process.stderr.write(`${line}\n`));
  const made = await runCommand('make', ['-s', '-C', 'native-shims', 'verbs-programs', 'fabric-programs'], {
    cwd: root,
    quiet: true,
  });
  if (!made.ok) throw new Error(`the C tests of verbs cannot be built:\n${made.output}`);
}

function resultsOf(shared, machine, otherwise) {
  const file = join(shared, `results-${machine}.json`);
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8'));
  return { ...noTests(), failed: [`${otherwise}, and no results of machine ${machine}`] };
}
