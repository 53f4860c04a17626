import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { RfaasError } from '@rfaas/core';

/** What to try. */
export interface FunctionCheck {
  /** The path of a shared library. */
  readonly library: string;
  readonly functionName: string;
  readonly input: Uint8Array;
  readonly outputBytes: number;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** What the function did. */
export interface FunctionCheckResult {
  /** The length that it returned. */
  readonly returned: number;
  readonly output: Uint8Array;
  /** Loading the library and the call, from inside the process that did it. */
  readonly microseconds: number;
}

/**
 * Loads a library and runs one of its functions in a process of its own, with a guard page behind the output.
 *
 * Throws RFAAS_ERR_FUNCTION_FAILED naming the signal when it crashes or writes beyond the output, RFAAS_ERR_PACKAGE when
 * the library does not load, RFAAS_ERR_OUTPUT_TOO_LARGE for an impossible length, RFAAS_ERR_DEADLINE when it does not
 * return in time.
 */
export async function checkFunction(check: FunctionCheck): Promise<FunctionCheckResult> {
  const child = startProcess(check.signal);
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill('SIGKILL');
  }, check.timeoutMs);
  try {
    const { library, functionName, input, outputBytes } = check;
    const inputBase64 = Buffer.from(input).toString('base64');
    child.stdin
      .on('error', () => undefined)
      .end(JSON.stringify({ library, functionName, inputBase64, outputBytes }));
    const [answer, errors, end] = await Promise.all([
      readAll(child.stdio[3] as Readable),
      readAll(child.stderr),
      exitOf(child),
    ]);
    if (isLate) throw tooLate(check);
    if (end.signal !== null) throw crashed(check, end.signal);
    if (end.code !== 0 || answer === '')
      throw errors.trim() === '' ? exited(check, end.code) : notLoaded(check, errors);
    return resultOf(check, answer);
  } finally {
    clearTimeout(timer);
  }
}

type CheckProcess = ChildProcessByStdio<Writable, null, Readable>;

function startProcess(signal: AbortSignal | undefined): CheckProcess {
  const script = fileURLToPath(new URL('./check-process.js', import.meta.url));
  const child = spawn(process.execPath, [script], { stdio: ['pipe', 'ignore', 'pipe', 'pipe'], signal });
  // The types of spawn do not follow stdio beyond its third entry.
  return child as unknown as CheckProcess;
}

function resultOf(check: FunctionCheck, answer: string): FunctionCheckResult {
  const parsed = JSON.parse(answer) as { returned: number; microseconds: number; outputBase64: string };
  const { returned, microseconds } = parsed;
  if (returned > check.outputBytes) {
    throw new RfaasError(
      'RFAAS_ERR_OUTPUT_TOO_LARGE',
      `function "${check.functionName}" returned ${returned} bytes, and its output has ${check.outputBytes}`,
      { details: { returned, outputBytes: check.outputBytes } },
    );
  }
  return { returned, microseconds, output: new Uint8Array(Buffer.from(parsed.outputBase64, 'base64')) };
}

async function readAll(stream: Readable): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return text;
}

function exitOf(child: CheckProcess): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
}

function tooLate({ functionName, timeoutMs }: FunctionCheck): RfaasError {
  return new RfaasError(
    'RFAAS_ERR_DEADLINE',
    `function "${functionName}" did not return within ${timeoutMs} ms`,
    {
      details: { function: functionName, timeoutMs },
    },
  );
}

function crashed({ functionName, outputBytes }: FunctionCheck, signal: NodeJS.Signals): RfaasError {
  const hint =
    signal === 'SIGSEGV' || signal === 'SIGBUS'
      ? `; it touched memory that is not there, perhaps behind its output of ${outputBytes} bytes`
      : '';
  return new RfaasError(
    'RFAAS_ERR_FUNCTION_FAILED',
    `function "${functionName}" was killed by ${signal}${hint}`,
    {
      details: { function: functionName, signal },
    },
  );
}

function exited({ functionName }: FunctionCheck, code: number | null): RfaasError {
  return new RfaasError(
    'RFAAS_ERR_FUNCTION_FAILED',
    `function "${functionName}" ended its process with status ${code} instead of returning`,
    { details: { function: functionName, exitCode: code ?? undefined } },
  );
}

function notLoaded({ library, functionName }: FunctionCheck, errors: string): RfaasError {
  const reason = /^(?:Error|\w*Error): (.*)$/m.exec(errors)?.[1] ?? errors.trim();
  return new RfaasError(
    'RFAAS_ERR_PACKAGE',
    `function "${functionName}" of ${library} cannot be called: ${reason}`,
  );
}
