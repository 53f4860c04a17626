// `npm test`: set-up, then every test that this machine can run; what it cannot run is named with its reason.
// `npm test -- packages/rdmalib -t 'name'`: only jest, with these arguments.
import { runJestTests } from './jest-tests.mjs';
import { runNativeTests } from './native-tests.mjs';
import { root, runAfterSetUp } from './setup.mjs';

/** In this order: a broken foundation is seen before what stands on it. */
const STAGES = [
  { title: 'Unit tests', projects: ['unit'], parameters: [] },
  { title: 'Transport conformance', projects: ['conformance'], parameters: [] },
  // Real processes that spin and are timed out: one file at a time, or they take the cores from each other.
  { title: 'Integration tests', projects: ['integration'], parameters: ['--runInBand'] },
  { title: 'Packaging tests', projects: ['packaging'], parameters: ['--runInBand'] },
];

const print = (line) => process.stdout.write(`${line}\n`);

await runAfterSetUp(async () => {
  const chosen = process.argv.slice(2);
  const total = { passed: 0, failed: [], notRun: [] };
  if (chosen.length === 0) {
    print('== C tests');
    add(total, await runNativeTests(root, print));
    for (const { title, projects, parameters } of STAGES) {
      print(`== ${title}`);
      add(total, await runJestTests(root, projects, parameters));
    }
  } else {
    const projects = STAGES.flatMap((stage) => stage.projects);
    add(total, await runJestTests(root, projects, ['--runInBand', ...chosen]));
  }
  if (total.passed + total.failed.length === 0)
    total.failed.push(`no test was run by: npm test -- ${chosen.join(' ')}`);
  printSummary(total);
  return total.failed.length === 0 ? 0 : 1;
});

function add(total, part) {
  total.passed += part.passed;
  total.failed.push(...part.failed);
  total.notRun.push(...part.notRun);
}

function printSummary({ passed, failed, notRun }) {
  if (notRun.length > 0) {
    print('\nNot run on this machine:');
    for (const { what, reason } of notRun) print(`  ${what}: ${reason}`);
  }
  if (failed.length > 0) {
    print('\nFailed:');
    for (const name of failed) print(`  ${name}`);
  }
  print(`\n${passed} passed, ${failed.length} failed, ${notRun.length} skipped`);
}
