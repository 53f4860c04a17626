// Runs one command on real kernel RDMA (Soft-RoCE) in an emulated machine. README.md says how; --help shows the
// options.
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { installMissingPackages } from './src/debian-packages.mjs';
import { writeExchange } from './src/exchange.mjs';
import { buildInitramfs } from './src/initramfs.mjs';
import { cachedKernel } from './src/kernel.mjs';
import { Machine } from './src/machine.mjs';
import { helpText, parseOptions } from './src/options.mjs';

/** Exit statuses of the runner itself, beside the command's own: as `timeout` and `env` use them. */
const TIMED_OUT = 124;
const NOT_RUN = 125;

process.exitCode = await main(process.argv.slice(2));

async function main(words) {
  const options = parseOptions(words);
  if (options.help) {
    process.stdout.write(helpText);
    return 0;
  }
  if (options.problem !== undefined) {
    process.stderr.write(`soft-roce: ${options.problem}\n\n${helpText}`);
    return NOT_RUN;
  }
  const directory = mkdtempSync(join(tmpdir(), 'rfaas-soft-roce-'));
  try {
    return await run(options, directory);
  } catch (error) {
    process.stderr.write(`soft-roce: ${error.message}\n`);
    return NOT_RUN;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function run(options, directory) {
  installMissingPackages();
  const kernel = cachedKernel({ refresh: options.refreshKernel });
  const initramfs = buildInitramfs(kernel);
  const run = randomBytes(8).toString('hex');
  const shared = join(directory, 'shared');
  mkdirSync(shared, { mode: 0o777 });
  const machines = machineNumbers(options.mode).map((number) => {
    const exchange = join(directory, `machine-${number}`);
    writeExchange(exchange, { ...options, number, run });
    return new Machine({ ...options, kernel, initramfs, number, exchange, shared, directory });
  });
  return await untilAllEnd(machines, options);
}

function machineNumbers(mode) {
  return mode === 'two-machines' ? [1, 2] : [1];
}

/** The first failing machine's exit status, or 0. A signal or the time limit ends all machines. */
async function untilAllEnd(machines, { timeoutSeconds }) {
  let ending;
  const end = (status, why) => {
    if (ending !== undefined) return;
    ending = status;
    process.stderr.write(`soft-roce: ${why}\n`);
    for (const machine of machines) machine.stop();
  };
  const onInterrupt = () => end(130, 'interrupted');
  const onTerminate = () => end(143, 'terminated');
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onTerminate);
  process.on('SIGHUP', onTerminate);
  const timer = setTimeout(
    () => end(TIMED_OUT, `the time limit of ${timeoutSeconds} s has passed (--timeout raises it)`),
    timeoutSeconds * 1000,
  );
  try {
    const statuses = await Promise.all(machines.map((machine) => machine.run()));
    return ending ?? statuses.find((status) => status !== 0) ?? 0;
  } finally {
    clearTimeout(timer);
    for (const machine of machines) machine.stop();
    process.off('SIGINT', onInterrupt);
    process.off('SIGTERM', onTerminate);
    process.off('SIGHUP', onTerminate);
  }
}
