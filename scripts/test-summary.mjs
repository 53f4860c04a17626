const print = (line) => process.stdout.write(`${line}\n`);

/**
 * What became of tests.
 *
 * @typedef {{ passed: number, failed: string[], notRun: { what: string, reason: string }[] }} TestResult
 */

/** @returns {TestResult} nothing yet */
export function noTests() {
  return { passed: 0, failed: [], notRun: [] };
}

/**
 * Adds what became of a part of the tests.
 *
 * @param {TestResult} total
 * @param {TestResult} part
 */
export function addTests(total, part) {
  total.passed += part.passed;
  total.failed.push(...part.failed);
  total.notRun.push(...part.notRun);
}

/**
 * Prints what was not run and why, what failed, and the line that counts.
 *
 * @param {TestResult} total
 */
export function printTestSummary({ passed, failed, notRun }) {
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
