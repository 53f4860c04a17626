import { spawnSync } from 'node:child_process';

/** Why metrics cannot be checked by promtool here; `undefined` where they can. */
export const promtoolObstacle =
  spawnSync('promtool', ['--version']).status === 0
    ? undefined
    : "promtool is not installed (Debian's prometheus)";

/** What promtool finds wrong in metrics; an empty text for nothing. */
export function promtoolFindings(metrics: string): string {
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
    input: metrics,
    encoding: 'utf8',
  });
  return status === 0 ? '' : `exit status ${status}\n${stdout}${stderr}`;
}

/** The samples of metrics in the text format, by name with labels as they stand there. */
export function samplesOf(metrics: string): ReadonlyMap<string, number> {
  const lines = metrics.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}
