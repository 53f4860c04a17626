import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { runCommand } from '../../../scripts/run-command.mjs';
import { root, setUp } from '../../../scripts/setup.mjs';
import { addTests, noTests, printTestSummary } from '../../../scripts/test-summary.mjs';

const GUEST_TESTS = fileURLToPath(new URL('../guest-tests.mjs', import.meta.url));

/** The boots that test everything there is, and what is tested in each (guest-tests.mjs). */
const BOOTS = [
  {
    mode: 'one-device',
    timeoutSeconds: 1500,
    parts: ['c-tests', 'conformance', 'integration', 'soft-roce'],
  },
  { mode: 'two-devices', netem: 'delay 200us loss 0.3%', timeoutSeconds: 900, parts: ['soft-roce'] },
  { mode: 'two-machines', timeoutSeconds: 900, parts: ['soft-roce'] },
];

/** What is enough to see that the transport keeps its contract. */
const BRIEF = [{ mode: 'one-device', timeoutSeconds: 1500, parts: ['c-tests', 'conformance'] }];

/**
 * Boots one machine (or pair) after the other and runs its tests.
 *
 * @param {object} options as parseOptions gives them
 * @param {(options: object, collect: (status: number, shared: string, machines: number[]) => void) => Promise<number>} boot
 *   boots with these options, lets the caller collect from the shared folder, resolves with the exit status
 * @returns {Promise<number>} the exit status of all this
 */
export async function runTestPlan(options, boot) {
  await build();
  const total = noTests();
  for (const { mode, netem = '', timeoutSeconds, parts } of options.brief ? BRIEF : BOOTS) {
    const title = `Soft-RoCE, ${mode}${netem === '' ? '' : `, ${netem}`}`;
    const started = performance.now();
    process.stdout.write(`== ${title}\n`);
    const command = [process.execPath, GUEST_TESTS, ...parts];
    const status = await boot(
      { ...options, mode, netem, timeoutSeconds, command },
      (ended, shared, machines) => {
        for (const machine of machines)
          addTests(total, resultsOf(shared, machine, `${title}: exit status ${ended}`));
      },
    );
    process.stdout.write(`== ${title}: ${((performance.now() - started) / 1000).toFixed(0)} s\n`);
    if (status >= 128) return status;
  }
  printTestSummary(total);
  return total.failed.length === 0 ? 0 : 1;
}

/** On this machine, where it takes a tenth of the time. */
async function build() {
  await setUp((line) => process.stderr.write(`${line}\n`));
  const made = await runCommand('make', ['-s', '-C', 'native-shims', 'verbs-programs'], {
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
