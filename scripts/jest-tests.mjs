import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from './run-command.mjs';

/**
 * Runs jest projects and reads what became of every test.
 *
 * @param {string} root the checkout
 * @param {readonly string[]} projects names from jest.config.js
 * @param {readonly string[]} parameters more arguments for jest
 * @returns {Promise<{ passed: number, failed: string[], notRun: { what: string, reason: string }[] }>}
 */
export async function runJestTests(root, projects, parameters) {
  const directory = mkdtempSync(join(tmpdir(), 'rfaas-jest-'));
  const outputFile = join(directory, 'results.json');
  try {
    const run = await runCommand(
      process.execPath,
      [
        join(root, 'node_modules', 'jest', 'bin', 'jest.js'),
        '--selectProjects',
        ...projects,
        '--passWithNoTests',
        '--json',
        `--outputFile=${outputFile}`,
        ...parameters,
      ],
      { cwd: root, env: jestEnvironment(), discardOutput: true },
    );
    const name = `jest ${projects.join(', ')}`;
    if (!existsSync(outputFile)) {
      return {
        passed: 0,
        failed: [`${name}: ended with ${run.signal || `exit status ${run.code}`} and no results`],
        notRun: [],
      };
    }
    const result = readResults(root, JSON.parse(readFileSync(outputFile, 'utf8')));
    if (!run.ok && result.failed.length === 0) result.failed.push(`${name}: exit status ${run.code}`);
    return result;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** ES modules in jest need this option of Node's. */
function jestEnvironment() {
  const options = process.env.NODE_OPTIONS || '';
  const needed = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  return {
    ...process.env,
    NODE_OPTIONS: [options, ...needed.filter((option) => !options.includes(option))].join(' ').trim(),
  };
}

function readResults(root, results) {
  const summary = { passed: results.numPassedTests, failed: [], notRun: [] };
  for (const suite of results.testResults) {
    const file = suite.name.replace(`${root}/`, '');
    const tests = suite.assertionResults;
    if (suite.status === 'failed' && !tests.some((test) => test.status === 'failed')) {
      summary.failed.push(`${file}: the file could not be run`);
    }
    for (const test of tests) {
      if (test.status === 'failed') summary.failed.push(`${file}: ${test.fullName}`);
      // A skipped test's name says why it is skipped: the rule for tests here.
      if (test.status === 'pending' || test.status === 'todo')
        summary.notRun.push({ what: file, reason: test.fullName });
    }
  }
  return summary;
}
