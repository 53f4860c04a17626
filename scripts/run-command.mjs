import { spawn } from 'node:child_process';

/** How much of a failed command's output is shown: enough for a compiler's first errors, not a flood. */
const SHOWN_BYTES = 16_384;

/**
 * Runs a command to its end. With `quiet` its output is kept back and returned, otherwise the user sees it as it comes.
 *
 * @param {string} command program, looked up in PATH
 * @param {readonly string[]} parameters its arguments
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, quiet?: boolean, discardOutput?: boolean }} [options]
 *   `discardOutput`: standard output goes nowhere, standard error is seen
 * @returns {Promise<{ ok: boolean, code: number | null, signal: string | null, output: string }>} never rejects: a
 *   program that cannot be started is `ok: false` with the reason as its output
 */
export function runCommand(command, parameters, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, parameters, {
      cwd: options.cwd,
      env: options.env || process.env,
      stdio: standardStreams(options),
    });
    let output = '';
    const keep = (chunk) => {
      output += chunk;
    };
    if (options.quiet) {
      child.stdout.setEncoding('utf8').on('data', keep);
      child.stderr.setEncoding('utf8').on('data', keep);
    }
    child.on('error', (error) => {
      resolve({ ok: false, code: null, signal: null, output: `${command}: ${error.message}` });
    });
    child.on('close', (code, signal) => {
      resolve({ ok: code === 0, code, signal, output });
    });
  });
}

function standardStreams({ quiet, discardOutput }) {
  if (quiet) return ['ignore', 'pipe', 'pipe'];
  return ['ignore', discardOutput ? 'ignore' : 'inherit', 'inherit'];
}

/**
 * The part of a command's output to show after it failed.
 *
 * @param {string} output everything it printed
 */
export function endOfOutput(output) {
  return output.length > SHOWN_BYTES ? `…${output.slice(-SHOWN_BYTES)}` : output;
}

/**
 * Runs a Node program with this terminal as its own, and passes on to it what asks this process to end.
 *
 * @param {string} script the program
 * @param {readonly string[]} [parameters] its arguments
 * @returns {Promise<number>} its exit status
 */
export function runInForeground(script, parameters = []) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, ...parameters], { stdio: 'inherit' });
    // The program tidies up before it ends, and this process waits for that.
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}
