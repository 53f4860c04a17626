// `npm test`: set-up, then every test that this machine can run; what it cannot run is named with its reason.
// `npm test -- packages/rdmalib -t 'name'`: only jest, with these arguments.
import { availableParallelism } from 'node:os';
import { runJestTests } from './jest-tests.mjs';
import { runNativeTests } from './native-tests.mjs';
import { root, runAfterSetUp } from './setup.mjs';
import { addTests, noTests, printTestSummary } from './test-summary.mjs';

const PROJECTS = ['unit', 'conformance', 'integration', 'packaging'];

/** A process takes long to start on a machine that has something else to do, too. */
const PATIENT = ['--testTimeout=30000'];

/** One more than there are processors: most tests wait most of the time, for processes, time-outs and the wire. */
const MANY_AT_ONCE = [`--maxWorkers=${availableParallelism() + 1}`, ...PATIENT];

const print = (line) => process.stdout.write(`${line}\n`);

await runAfterSetUp(async () => {
  const chosen = process.argv.slice(2);
  const total = noTests();
  if (chosen.length === 0) {
    print('== C tests, and beside them unit, conformance, integration and packaging tests');
    const parts = [runNativeTests(root, print), runJestTests(root, PROJECTS, MANY_AT_ONCE)];
    for (const part of await Promise.all(parts)) addTests(total, part);
  } else {
    addTests(total, await runJestTests(root, PROJECTS, ['--runInBand', ...PATIENT, ...chosen]));
  }
  if (total.passed + total.failed.length === 0)
    total.failed.push(`no test was run by: npm test -- ${chosen.join(' ')}`);
  printTestSummary(total);
  return total.failed.length === 0 ? 0 : 1;
});
