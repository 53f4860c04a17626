import { parseOptions, type MainContext } from '@rfaas/core';
import type { Command } from 'commander';
import { z } from 'zod';
import { lease, queued, understand } from './manager-answers.ts';
import { askManager, askManagerForList } from './manager-http.ts';
import {
  addListOptions,
  addManagerOptions,
  listOptions,
  managerOptions,
  optionsOf,
} from './manager-options.ts';
import { formatCount, formatDuration, formatMebibytes } from './quantities.ts';
import { formatTable } from './table.ts';

const leaseListOptions = listOptions.extend({
  tenant: z.string().optional(),
  node: z.string().optional(),
  queue: z.boolean().default(false),
});

/** `rfaas leases`, and `release` below it. */
export function addLeasesCommand(program: Command, context: MainContext): void {
  const leases = program
    .command('leases')
    .description('list the open leases of the cluster, or the requests that wait; end one')
    .option('-t, --tenant <name>', 'only those of this tenant')
    .option('-n, --node <name>', 'only those on this node')
    .option('--queue', 'requests that wait for resources instead');
  addListOptions(leases);
  addManagerOptions(leases, [
    ['rfaas leases --node node-1', 'who holds cores there, and for how long'],
    ['rfaas leases --queue', 'who waits'],
    ['rfaas leases release 0123456789abcdef0123456789abcdef', 'ends that lease'],
  ]).action(async (values: unknown) => {
    const options = parseOptions(leaseListOptions, values);
    await (options.queue ? listQueue(options, context) : listLeases(options, context));
  });
  addManagerOptions(leases.command('release <lease>').description('end a lease')).action(
    async (id: string, _own: unknown, command: Command) => {
      const options = parseOptions(managerOptions, optionsOf(command));
      const path = `leases/${encodeURIComponent(id)}`;
      const answer = await askManager(options, { method: 'DELETE', path }, context);
      context.print(options.json ? JSON.stringify(answer) : `${id}: released`);
    },
  );
}

async function listLeases(options: z.output<typeof leaseListOptions>, context: MainContext): Promise<void> {
  const query = new URLSearchParams();
  if (options.tenant !== undefined) query.set('tenant', options.tenant);
  if (options.node !== undefined) query.set('node', options.node);
  const answer = await askManagerForList(options, `leases?${query.toString()}`, context, options.limit);
  if (options.json) return context.print(JSON.stringify(answer));
  const now = Date.now();
  const rows = understand(z.array(lease), answer, 'leases').map((each) => [
    each.id,
    each.tenant,
    each.shares.map(({ node }) => node).join(','),
    String(each.cores),
    formatMebibytes(each.memoryMiB),
    each.state === 'running' ? formatDuration((Date.parse(each.expiry) - now) / 1000) : each.state,
    formatCount(each.usage.invocations),
    formatCount(each.usage.coreSeconds),
  ]);
  const header = ['LEASE', 'TENANT', 'NODES', 'CORES', 'MEMORY', 'LEFT', 'INVOCATIONS', 'CORE SECONDS'];
  context.print(formatTable(header, rows));
}

async function listQueue(options: z.output<typeof leaseListOptions>, context: MainContext): Promise<void> {
  const answer = await askManagerForList(options, 'queue', context, options.limit);
  if (options.json) return context.print(JSON.stringify(answer));
  const now = Date.now();
  const rows = understand(z.array(queued), answer, 'queued requests')
    .filter(({ tenant }) => options.tenant === undefined || tenant === options.tenant)
    .map((each) => [
      each.tenant,
      String(each.position),
      String(each.wanted.cores),
      formatMebibytes(each.wanted.memoryMiB),
      each.nodes === 0 ? 'any' : String(each.nodes),
      formatDuration((now - Date.parse(each.since)) / 1000),
      formatDuration((Date.parse(each.deadline) - now) / 1000),
    ]);
  context.print(formatTable(['TENANT', 'POSITION', 'CORES', 'MEMORY', 'NODES', 'WAITING', 'LEFT'], rows));
}
