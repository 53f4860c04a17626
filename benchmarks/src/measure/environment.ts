import { execFileSync } from 'node:child_process';
import { arch, cpus, loadavg, release, totalmem } from 'node:os';

/** Where and with what a benchmark ran. */
export interface Environment {
  readonly date: string;
  readonly commit: string;
  readonly node: string;
  readonly kernel: string;
  readonly architecture: string;
  readonly cpu: string;
  readonly processors: number;
  readonly memoryGiB: number;
  /** How busy the machine was before the benchmark began: of an idle one, 0. */
  readonly load: number;
}

/** Describes this machine and this checkout. */
export function describeEnvironment(): Environment {
  const processors = cpus();
  return {
    date: new Date().toISOString(),
    commit: commit(),
    node: process.version,
    kernel: release(),
    architecture: arch(),
    cpu: processors[0]?.model ?? 'unknown',
    processors: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    load: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  };
}

function commit(): string {
  const git = (...parameters: string[]): string =>
    execFileSync('git', parameters, {
      cwd: import.meta.dirname,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  try {
    const hash = git('rev-parse', '--short', 'HEAD');
    return git('status', '--porcelain', '--untracked-files=no') === '' ? hash : `${hash} with changes`;
  } catch {
    // A copy without its history, or no git: the report then says so.
    return 'unknown';
  }
}
