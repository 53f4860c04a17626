// Everything between a fresh clone and running: plain Node, because nothing is installed yet when it starts.
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installationMismatch } from './installed-packages.mjs';
import { missingRequirements } from './requirements.mjs';
import { endOfOutput, runCommand } from './run-command.mjs';

/** The checkout that this script is part of. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Set-up could not be finished; the message is all that the user needs to see. */
export class SetupError extends Error {
  name = 'SetupError';
}

/**
 * Installs the npm packages, builds the native libraries and compiles the TypeScript, each only if it is not up to date.
 *
 * @param {(line: string) => void} report takes the progress, line by line
 * @throws {SetupError} if the machine lacks something (a line each, with the fix) or a step fails (with its output)
 */
export async function setUp(report) {
  const missing = missingRequirements();
  if (missing.length > 0) throw new SetupError(missing.join('\n'));
  await installPackages(report);
  await buildNativeLibraries(report);
  await compileTypeScript(report);
}

async function installPackages(report) {
  const mismatch = installationMismatch(root);
  if (mismatch === undefined) return;
  report(`Set-up 1/3: installing npm packages (${mismatch}) ...`);
  // Install scripts are never needed (prebuilt binaries come as packages), and dev dependencies are, whatever NODE_ENV says.
  const parameters = [
    'ci',
    '--include=dev',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ];
  await step(report, 'npm', parameters, 'check the network and "npm config get registry", then run it again');
}

async function buildNativeLibraries(report) {
  const upToDate = await runCommand('make', ['-C', 'native-shims', '-q'], { cwd: root, quiet: true });
  if (upToDate.ok) return;
  report('Set-up 2/3: building the native libraries ...');
  await step(
    report,
    'make',
    ['-s', '-j', String(availableParallelism()), '-C', 'native-shims'],
    'the compiler says above what it missed',
  );
}

async function compileTypeScript(report) {
  const started = performance.now();
  let announced = false;
  // A build that has nothing to do takes about a second: only a longer one is worth a line.
  const announcement = setTimeout(() => {
    announced = true;
    report('Set-up 3/3: compiling TypeScript ...');
  }, 1500);
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const result = await runCommand(process.execPath, [compiler, '-b'], { cwd: root, quiet: true });
  clearTimeout(announcement);
  if (!result.ok) throw new SetupError(`tsc -b failed:\n${endOfOutput(result.output)}`);
  const bundle = await runCommand(process.execPath, [join('scripts', 'bundle.mjs')], {
    cwd: root,
    quiet: true,
  });
  if (!bundle.ok) throw new SetupError(`bundling the programs failed:\n${endOfOutput(bundle.output)}`);
  if (announced) report(`            done in ${seconds(started)}`);
}

async function step(report, command, parameters, fix) {
  const started = performance.now();
  const result = await runCommand(command, parameters, { cwd: root, quiet: true });
  if (!result.ok) {
    const how = result.signal === null ? `exit status ${result.code}` : result.signal;
    throw new SetupError(
      `${endOfOutput(result.output)}\n"${command} ${parameters.join(' ')}" failed (${how}): ${fix}`,
    );
  }
  report(`            done in ${seconds(started)}`);
}

function seconds(started) {
  return `${((performance.now() - started) / 1000).toFixed(1)} s`;
}

/**
 * Runs a command's main part after the set-up and ends the process with its exit status.
 *
 * @param {() => Promise<number>} main what to do; its result is the exit status
 */
export async function runAfterSetUp(main) {
  try {
    await setUp((line) => process.stderr.write(`${line}\n`));
    process.exitCode = await main();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}

if (process.argv[1] !== undefined && relative(fileURLToPath(import.meta.url), process.argv[1]) === '') {
  await runAfterSetUp(async () => 0);
}
