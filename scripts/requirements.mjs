import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The oldest Node whose `require(esm)` and `using` helpers the packages rely on. */
const OLDEST_NODE = [20, 19];

const COMPILER_FIX =
  'install one: "apt-get install build-essential", "dnf install gcc make" or "module load gcc"';

/**
 * Where a program would be started from, or undefined if PATH has none.
 *
 * @param {string} program a bare name, or a path
 */
export function findProgram(program) {
  const candidates = program.includes('/')
    ? [program]
    : (process.env.PATH || '').split(delimiter).map((directory) => join(directory, program));
  return candidates.find((candidate) => {
    try {
      accessSync(candidate, constants.X_OK);
      return true;
    } catch {
      return false; // not there, or not executable: the next directory may have it
    }
  });
}

/** The C compiler that make will call: `$CC`, else `cc`, as in make's own rules. */
export function compilerName() {
  return (process.env.CC || 'cc').trim().split(/\s+/)[0];
}

/**
 * What this machine lacks for building and running the project.
 *
 * @param {{ version?: string, platform?: string }} [machine] this one, unless a test says otherwise
 * @returns {string[]} one line for each missing thing, with its fix; empty when nothing is missing
 */
export function missingRequirements(machine = {}) {
  const missing = [];
  const version = machine.version || process.versions.node;
  const [major, minor] = version.split('.').map(Number);
  if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
    missing.push(
      `Node ${version} is too old: this needs Node ${OLDEST_NODE.join('.')} or newer; ` +
        'install it from https://nodejs.org or with "nvm install 20"',
    );
  }
  if ((machine.platform || process.platform) !== 'linux') {
    missing.push(
      `${machine.platform || process.platform} is not supported: the transports need Linux; use a Linux machine or VM`,
    );
  }
  if (findProgram(compilerName()) === undefined) {
    missing.push(`No C compiler: "${compilerName()}" is not in PATH; ${COMPILER_FIX}`);
  }
  if (findProgram('make') === undefined) {
    missing.push('No make: "make" is not in PATH; install it: "apt-get install make" or "dnf install make"');
  }
  if (findProgram('npm') === undefined) {
    missing.push(
      'No npm: "npm" is not in PATH; install Node with npm from https://nodejs.org or "apt-get install npm"',
    );
  }
  return missing;
}
