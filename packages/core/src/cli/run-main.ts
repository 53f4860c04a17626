import { hideCredentials } from '../config/hide-credentials.ts';
import { redact } from '../config/redact.ts';
import { errorCode, errorMessage, RfaasError } from '../errors.ts';
import type { Environment } from '../security/key-files.ts';

/** What a program gets from its process. */
export interface MainContext {
  /** Arguments without `node` and the script. */
  readonly argv: readonly string[];
  readonly env: Environment;
  /** Aborted by SIGINT and SIGTERM: end in an orderly way. A second signal ends the process at once. */
  readonly signal: AbortSignal;
  /** Writes one line of result to standard output. */
  readonly print: (line: string) => void;
}

/** Exit codes of every program. */
export const exitCodes = { success: 0, failure: 1, usage: 2 } as const;

/** How long an ended program may keep its process alive before what is left open is cut off. */
const lingerMs = 2000;

/**
 * Runs a program: signals abort `context.signal`, an error becomes one line on standard error, and the exit code is 0, 1
 * (failure) or 2 (usage or configuration).
 */
export async function runMain(main: (context: MainContext) => Promise<number | void>): Promise<void> {
  const controller = new AbortController();
  const onSignal = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) {
      process.exit(name === 'SIGINT' ? 130 : 143);
    }
    controller.abort(new RfaasError('RFAAS_ERR_ABORTED', `ended by ${name}`, { details: { signal: name } }));
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  try {
    const code = await main({
      argv: process.argv.slice(2),
      env: process.env,
      signal: controller.signal,
      print: (line) => void process.stdout.write(`${line}\n`),
    });
    process.exitCode = code ?? exitCodes.success;
  } catch (error) {
    process.stderr.write(`${formatFailure(error)}\n`);
    process.exitCode = exitCodeOf(error);
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
  // Unreferenced: it fires only if something else still keeps the process alive.
  setTimeout(() => process.exit(), lingerMs).unref();
}

/** The exit code for an error. */
export function exitCodeOf(error: unknown): number {
  const isUsage =
    error instanceof RfaasError &&
    (error.code === 'RFAAS_ERR_USAGE' || error.code === 'RFAAS_ERR_CONFIGURATION');
  return isUsage ? exitCodes.usage : exitCodes.failure;
}

/** The line that tells a person of an error: no stack, with its code. */
export function formatFailure(error: unknown): string {
  const code = errorCode(error);
  return `error: ${hideCredentials(errorMessage(error))}${code === undefined ? '' : ` [${code}]`}`;
}

/** What a server says on standard output when it is ready. */
export interface ReadyFacts {
  readonly program: string;
  /** Where it listens, with the real port. */
  readonly url: string;
  readonly [fact: string]: string | number | boolean | undefined;
}

/** The one JSON line that a server prints when it is ready. */
export function readyLine(facts: ReadyFacts): string {
  return JSON.stringify({ ready: true, ...facts, pid: process.pid });
}

/** The effective configuration for `--print-config`: secrets are hidden. */
export function formatConfig(config: unknown): string {
  return JSON.stringify(redact(config), undefined, 2);
}
