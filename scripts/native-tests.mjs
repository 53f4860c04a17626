import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { compilerName, findProgram } from './requirements.mjs';
import { endOfOutput, runCommand } from './run-command.mjs';

/** The make targets that test the C code, what each is, and what the compiler or PATH needs for it. */
const TARGETS = [
  { target: 'check', title: 'C tests' },
  { target: 'asan', title: 'C tests under AddressSanitizer and UBSan', sanitizer: 'address,undefined' },
  { target: 'tsan', title: 'ring and wake-up under ThreadSanitizer', sanitizer: 'thread' },
  { target: 'check-symbols', title: 'no symbol newer than GLIBC_2.28', program: 'objdump' },
];

/**
 * Runs the C tests of native-shims, each make target counting as one test.
 *
 * @param {string} root the checkout
 * @param {(line: string) => void} report takes the progress
 * @returns {Promise<{ passed: number, failed: string[], notRun: { what: string, reason: string }[] }>}
 */
export async function runNativeTests(root, report) {
  const result = { passed: 0, failed: [], notRun: [] };
  const makefile = readFileSync(join(root, 'native-shims', 'Makefile'), 'utf8');
  for (const { target, title, sanitizer, program } of TARGETS) {
    const what = `${title} (make -C native-shims ${target})`;
    const obstacle =
      missingProgram(program) ||
      (new RegExp(`^${target}:`, 'm').test(makefile) ? undefined : 'the Makefile has no such target') ||
      (sanitizer === undefined ? undefined : await sanitizerObstacle(sanitizer));
    if (obstacle !== undefined) {
      report(`SKIP ${what}: ${obstacle}`);
      result.notRun.push({ what, reason: obstacle });
      continue;
    }
    const started = performance.now();
    const run = await runCommand(
      'make',
      ['-s', '--output-sync=target', `-j${availableParallelism() + 1}`, '-C', 'native-shims', target],
      { cwd: root, quiet: true },
    );
    report(`${run.ok ? 'PASS' : 'FAIL'} ${what} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
    if (run.ok) {
      result.passed += 1;
    } else {
      report(endOfOutput(run.output));
      result.failed.push(what);
    }
  }
  return result;
}

function missingProgram(program) {
  return program === undefined || findProgram(program) !== undefined
    ? undefined
    : `"${program}" is not in PATH`;
}

/** Tries it: compilers accept the option without having the run-time library, and TSan refuses some kernels' memory maps. */
async function sanitizerObstacle(sanitizer) {
  const directory = mkdtempSync(join(tmpdir(), 'rfaas-sanitizer-'));
  try {
    const source = join(directory, 'probe.c');
    const program = join(directory, 'probe');
    writeFileSync(source, 'int main(void) { return 0; }\n');
    const build = await runCommand(compilerName(), [`-fsanitize=${sanitizer}`, '-o', program, source], {
      quiet: true,
    });
    if (!build.ok || !existsSync(program)) {
      return `${compilerName()} cannot link -fsanitize=${sanitizer} (its sanitizer library is a package of its own, often lib${sanitizer === 'thread' ? 'tsan' : 'asan'})`;
    }
    const run = await runCommand(program, [], { quiet: true });
    return run.ok
      ? undefined
      : `a program built with -fsanitize=${sanitizer} does not start here: ${firstLine(run.output)}`;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function firstLine(text) {
  return text.trim().split('\n')[0] || 'no message';
}
