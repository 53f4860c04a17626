import { InvalidArgumentError, type Command } from 'commander';
import { RfaasError } from '@rfaas/core';
import { describeEnvironment } from '../measure/environment.ts';
import { Progress } from '../measure/progress.ts';
import { playFaults, type FailoverResult, type FailoverSettings } from './play-faults.ts';

/** Violations that are printed. */
const SHOWN = 20;

interface FailoverOptions extends FailoverSettings {
  readonly json?: true;
}

/** Adds `failover` to the program of benchmarks. */
export function addFailoverCommand(program: Command, signal: AbortSignal): void {
  program
    .command('failover')
    .description(
      'kills resource managers and etcd while clients lease; ends with status 1 if an acknowledged lease is lost or doubled',
    )
    .option('--kills <count>', 'faults that are played', whole, 200)
    .option('--seed <number>', 'another one: other faults', whole, 1)
    .option('--managers <count>', 'resource managers', whole, 2)
    .option('--etcd-members <count>', 'members of etcd', whole, 3)
    .option('--lease-seconds <count>', 'a leader that is silent for etcd for so long is replaced', whole, 3)
    .option('--json', 'print the result as JSON')
    .action((options: FailoverOptions) => run(options, signal));
}

async function run({ json, ...settings }: FailoverOptions, signal: AbortSignal): Promise<void> {
  const progress = new Progress(json !== true);
  const environment = describeEnvironment();
  const { logs, ...result } = await playFaults(settings, (text) => progress.show(text), signal);
  progress.clear();
  const report = { benchmark: 'failover', environment, settings, times: summary(result), ...result };
  process.stdout.write(json === true ? `${JSON.stringify(report)}\n` : format(report));
  if (result.violations.length > 0) {
    process.stderr.write(`${logs}\n`);
    throw new RfaasError(
      'RFAAS_ERR_INTERNAL',
      `acknowledged leases were lost or doubled: ${result.violations.slice(0, SHOWN).join('; ')}`,
    );
  }
}

interface Times {
  readonly fault: string;
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly max: number;
  /** How many took longer than 5 seconds. */
  readonly late: number;
}

function summary({ faults }: Pick<FailoverResult, 'faults'>): readonly Times[] {
  return [...new Set(faults.map(({ fault }) => fault))].sort().map((fault) => {
    const times = faults.filter((each) => each.fault === fault).map(({ milliseconds }) => milliseconds);
    times.sort((a, b) => a - b);
    const at = (share: number): number => Math.round(times[Math.ceil(share * times.length) - 1] ?? 0);
    const late = times.filter((time) => time > 5000).length;
    return { fault, count: times.length, p50: at(0.5), p90: at(0.9), max: at(1), late };
  });
}

function format({
  times,
  leases,
  renewals,
  releases,
  invocations,
  violations,
  faults,
}: Omit<FailoverResult, 'logs'> & { readonly times: readonly Times[] }): string {
  const lines = [
    `${faults.length} faults; ${leases} leases, ${renewals} renewals, ${releases} releases were acknowledged; ${invocations} invocations of one executor went through`,
    'from a fault until a lease is granted that was asked for after it, in milliseconds:',
    ...times.map(
      ({ fault, count, p50, p90, max, late }) =>
        `  ${fault}: ${count} times, p50 ${p50}, p90 ${p90}, max ${max}${late === 0 ? '' : `, ${late} longer than 5 s`}`,
    ),
    violations.length === 0 ? 'no acknowledged lease was lost or doubled' : 'VIOLATIONS:',
    ...violations.slice(0, SHOWN).map((text) => `  ${text}`),
    ...(violations.length > SHOWN ? [`  and ${violations.length - SHOWN} more`] : []),
  ];
  return `${lines.join('\n')}\n`;
}

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError('it must be a whole number above 0.');
  return value;
}
