import { parseOptions, type MainContext } from '@rfaas/core';
import type { Command } from 'commander';
import { z } from 'zod';
import { bill, understand } from './manager-answers.ts';
import { askManager, readFromManager } from './manager-http.ts';
import { addManagerOptions, managerOptions } from './manager-options.ts';
import { formatCount } from './quantities.ts';
import { formatTable } from './table.ts';

const formats = ['table', 'json', 'csv', 'sacct'] as const;

const usageOptions = managerOptions.extend({
  tenant: z.string().optional(),
  from: z.string().optional(),
  to: z.string().optional(),
  format: z.enum(formats).default('table'),
});

/** `rfaas usage`: bills. */
export function addUsageCommand(program: Command, context: MainContext): void {
  const usage = program
    .command('usage')
    .description('print the bills of leases, as a table or for accounting')
    .option('-t, --tenant <name>', 'only those of this tenant')
    .option('--from <moment>', 'leases that ended at this day or moment or later, such as 2026-01-31')
    .option('--to <moment>', 'leases that ended before; without it, open ones too')
    .option('-f, --format <format>', formats.join(', '), 'table');
  addManagerOptions(usage, [
    ['rfaas usage --tenant alice', 'what alice used'],
    [
      'rfaas usage --from 2026-01-01 --to 2026-02-01 --format csv > january.csv',
      'a month, for a spreadsheet',
    ],
    ['rfaas usage --format sacct', "the same as Slurm's sacct --parsable2 prints it"],
  ]).action(async (values: unknown) => {
    const options = parseOptions(usageOptions, values);
    await (options.format === 'table' && !options.json
      ? printTable(options, context)
      : copy({ ...options, format: options.format === 'table' ? 'json' : options.format }, context));
  });
}

function queryOf({ tenant, from, to }: z.output<typeof usageOptions>): URLSearchParams {
  const chosen = Object.entries({ tenant, from, to }).filter(([, value]) => value !== undefined);
  return new URLSearchParams(chosen as [string, string][]);
}

async function copy(options: z.output<typeof usageOptions>, context: MainContext): Promise<void> {
  const query = queryOf(options);
  query.set('format', options.format);
  for await (const text of readFromManager(options, { path: `usage?${query.toString()}` }, context)) {
    if (!process.stdout.write(text)) {
      await new Promise((resolve) => process.stdout.once('drain', resolve));
    }
  }
}

async function printTable(options: z.output<typeof usageOptions>, context: MainContext): Promise<void> {
  const answer = await askManager(options, { path: `usage?${queryOf(options).toString()}` }, context);
  const rows = understand(z.array(bill), answer, 'bills').map((each) => [
    each.lease,
    each.tenant,
    each.nodes.join(','),
    String(each.cores),
    moment(each.start),
    each.end === null ? 'open' : moment(each.end),
    each.reason ?? '',
    formatCount(each.usage.invocations),
    formatCount(each.usage.coreSeconds),
    formatCount(each.usage.hotPollingSeconds),
    formatCount(each.usage.executionSeconds),
  ]);
  const header = ['LEASE', 'TENANT', 'NODES', 'CORES', 'START', 'END', 'REASON', 'INVOCATIONS', 'CORE S'];
  context.print(formatTable([...header, 'POLLING S', 'RUNNING S'], rows));
}

function moment(iso: string): string {
  return iso.slice(0, 19).replace('T', ' ');
}
