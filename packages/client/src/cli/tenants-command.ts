import { integerOption, parseOptions, type MainContext } from '@rfaas/core';
import type { Command } from 'commander';
import { z } from 'zod';
import { tenant, understand } from './manager-answers.ts';
import { askManager, askManagerForList } from './manager-http.ts';
import {
  addListOptions,
  addManagerOptions,
  listOptions,
  managerOptions,
  optionsOf,
} from './manager-options.ts';
import { formatCount, formatMebibytes } from './quantities.ts';
import { formatTable } from './table.ts';

const limitOptions = managerOptions.extend({
  cores: integerOption(0).optional(),
  memory: integerOption(0).optional(),
  leases: integerOption(0).optional(),
  coreSeconds: integerOption(0).optional(),
});

/** `rfaas tenants`, and `limit` below it. */
export function addTenantsCommand(program: Command, context: MainContext): void {
  const tenants = program
    .command('tenants')
    .description('list who holds what, and what each may hold at most; limit one');
  addListOptions(tenants);
  addManagerOptions(tenants, [
    ['rfaas tenants', 'held/limit of every tenant that has or had leases'],
    ['rfaas tenants limit alice --cores 64 --leases 10', 'alice holds no more than that; other limits end'],
  ]).action(async (values: unknown) => {
    const options = parseOptions(listOptions, values);
    const answer = await askManagerForList(options, 'tenants', context, options.limit);
    if (options.json) return context.print(JSON.stringify(answer));
    const rows = understand(z.array(tenant), answer, 'tenants').map((each) => [
      each.name,
      ofLimit(String(each.leases), each.limits.leases, String),
      ofLimit(String(each.held.cores), each.limits.cores, String),
      ofLimit(formatMebibytes(each.held.memoryMiB), each.limits.memoryMiB, formatMebibytes),
      String(each.queued),
      ofLimit(formatCount(each.usage.coreSeconds), each.limits.coreSeconds, formatCount),
      formatCount(each.usage.invocations),
    ]);
    context.print(
      formatTable(['TENANT', 'LEASES', 'CORES', 'MEMORY', 'QUEUED', 'CORE SECONDS', 'INVOCATIONS'], rows),
    );
  });
  const limit = tenants
    .command('limit <tenant>')
    .description('replace what a tenant may have at most; what is not named is not limited')
    .option('-c, --cores <count>', 'cores at once')
    .option('-m, --memory <MiB>', 'memory at once')
    .option('-l, --leases <count>', 'leases at once')
    .option('--core-seconds <seconds>', 'core-seconds in all');
  addManagerOptions(limit).action(async (name: string, _own: unknown, command: Command) => {
    const options = parseOptions(limitOptions, optionsOf(command));
    const { cores, memory: memoryMiB, leases, coreSeconds } = options;
    const path = `tenants/${encodeURIComponent(name)}/limits`;
    const body = { cores, memoryMiB, leases, coreSeconds };
    const answer = await askManager(options, { method: 'PUT', path, body }, context);
    context.print(options.json ? JSON.stringify(answer) : `${name}: limits replaced`);
  });
}

function ofLimit(used: string, limit: number | undefined, format: (limit: number) => string): string {
  return limit === undefined ? used : `${used}/${format(limit)}`;
}
