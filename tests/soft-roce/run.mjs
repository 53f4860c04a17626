// Runs one command, or all tests that want RDMA, on real kernel RDMA (Soft-RoCE) in an emulated machine. --help shows how.
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
import { runTestPlan } from './src/test-plan.mjs';

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
  try {
    installMissingPackages();
    return options.command.length === 0 ? await runTestPlan(options, boot) : await boot(options);
  } catch (error) {
    process.stderr.write(`soft-roce: ${error.message}\n`);
    return NOT_RUN;
  }
}

/** Boots the machine or machines and runs the command. `collect` may look into the shared folder before it is removed. */
async function boot(options, collect) {
  const directory = mkdtempSync(join(tmpdir(), 'rfaas-soft-roce-'));
  try {
    const kernel = cachedKernel({ refresh: options.refreshKernel });
    const initramfs = buildInitramfs(kernel);
    const run = randomBytes(8).toString('hex');
    const shared = join(directory, 'shared');
    mkdirSync(shared, { mode: 0o777 });
    const numbers = machineNumbers(options.mode);
    const machines = numbers.map((number) => {
      const exchange = join(directory, `machine-${number}`);
      writeExchange(exchange, { ...options, number, run });
      return new Machine({ ...options, kernel, initramfs, number, exchange, shared, directory });
    });
    const status = await untilAllEnd(machines, options);
    collect?.(status, shared, numbers);
    return status;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
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
