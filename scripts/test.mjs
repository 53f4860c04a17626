// `npm test`: set-up, then every test that this machine can run; what it cannot run is named with its reason.
// `npm test -- packages/rdmalib -t 'name'`: only jest, with these arguments.
import { availableParallelism } from 'node:os';
import { runJestTests } from './jest-tests.mjs';
import { runNativeTests } from './native-tests.mjs';
import { root, runAfterSetUp } from './setup.mjs';
import { addTests, noTests, printTestSummary } from './test-summary.mjs';

/** A process takes long to start on a machine that has something else to do, too. */
const WITH_PROCESSES = ['--runInBand', '--testTimeout=30000'];

/** Jest would leave one of two processors idle: itself it does little, and these tests wait most of the time. */
const TWO_AT_ONCE = [`--maxWorkers=${Math.max(2, availableParallelism() - 1)}`, '--testTimeout=20000'];

/** In this order: a broken foundation is seen before what stands on it. */
const STAGES = [
  { title: 'Unit tests', projects: ['unit'], parameters: TWO_AT_ONCE },
  { title: 'Transport conformance', projects: ['conformance'], parameters: TWO_AT_ONCE },
  // Real processes that spin and are timed out: one file at a time, or they take the cores from each other.
  { title: 'Integration tests', projects: ['integration'], parameters: WITH_PROCESSES },
  { title: 'Packaging tests', projects: ['packaging'], parameters: WITH_PROCESSES },
];

const print = (line) => process.stdout.write(`${line}\n`);

await runAfterSetUp(async () => {
  const chosen = process.argv.slice(2);
  const total = noTests();
  if (chosen.length === 0) {
    print('== C tests');
    addTests(total, await runNativeTests(root, print));
    for (const { title, projects, parameters } of STAGES) {
      print(`== ${title}`);
      addTests(total, await runJestTests(root, projects, parameters));
    }
  } else {
    const projects = STAGES.flatMap((stage) => stage.projects);
    addTests(total, await runJestTests(root, projects, [...WITH_PROCESSES, ...chosen]));
  }
  if (total.passed + total.failed.length === 0)
    total.failed.push(`no test was run by: npm test -- ${chosen.join(' ')}`);
  printTestSummary(total);
  return total.failed.length === 0 ? 0 : 1;
});
