import { spawn } from 'node:child_process';

const longestMs = 10_000;

/**
 * Where a module's syntax is wrong, as a person wants to read it: line, text, error. Only a Node process of its own tells
 * the line; undefined if it finds nothing wrong.
 */
export async function describeSyntaxError(code: string): Promise<string | undefined> {
  const checker = spawn(process.execPath, ['--check', '--input-type=module', '-'], {
    stdio: ['pipe', 'ignore', 'pipe'],
    env: {},
    timeout: longestMs,
    killSignal: 'SIGKILL',
  });
  // A checker that ends before it has read everything: its verdict is on standard error all the same.
  checker.stdin.on('error', () => undefined);
  checker.stdin.end(code);
  let report = '';
  checker.stderr.setEncoding('utf8');
  checker.stderr.on('data', (text: string) => {
    report += text;
  });
  await new Promise<void>((resolve, reject) => {
    checker.once('error', reject);
    checker.once('close', () => resolve());
  });
  return parseSyntaxReport(report);
}

/** Node's report of a syntax error on standard input, without its stack. */
export function parseSyntaxReport(report: string): string | undefined {
  const lines = report.split('\n');
  const position = /^\[stdin\]:(\d+)$/.exec(lines[0] ?? '');
  const error = lines.find((line) => /^\w*Error: /.test(line));
  return position === null || error === undefined
    ? undefined
    : `line ${position[1]}: ${error}\n${lines[1] ?? ''}`;
}
