import { integerOption, parseOptions, type MainContext } from '@rfaas/core';
import type { Command } from 'commander';
import { z } from 'zod';
import { node, understand } from './manager-answers.ts';
import { askManager, askManagerForList } from './manager-http.ts';
import {
  addListOptions,
  addManagerOptions,
  listOptions,
  managerOptions,
  optionsOf,
} from './manager-options.ts';
import { formatMebibytes } from './quantities.ts';
import { formatTable } from './table.ts';

const nodeListOptions = listOptions.extend({ match: z.string().optional() });
const drainOptions = managerOptions.extend({ grace: integerOption(0, 2 ** 31 - 1).optional() });

/** `rfaas nodes`, and `drain`, `resume` and `remove` below it. */
export function addNodesCommand(program: Command, context: MainContext): void {
  const nodes = program
    .command('nodes')
    .description('list the nodes of the cluster, take them out of service and back')
    .option('--match <text>', 'only nodes with this in their name or state, or of a tenant of that name');
  addListOptions(nodes);
  addManagerOptions(nodes, [
    ['rfaas nodes', 'every node, with what is free on it'],
    ['rfaas nodes --match suspect', 'nodes whose connection is gone'],
    ['rfaas nodes drain node-1 --grace 600000', 'no new leases there; those that run have ten minutes'],
    ['rfaas nodes resume node-1', 'back into service'],
  ]).action(async (values: unknown) => list(parseOptions(nodeListOptions, values), context));
  const drain = nodes
    .command('drain <node>')
    .description('no new leases on a node; those that run there are ended after a grace time')
    .option('--grace <ms>', "how long they may go on (default: the resource manager's drain_grace_ms)");
  addManagerOptions(drain).action(async (name: string, _own: unknown, command: Command) => {
    const { grace, ...options } = parseOptions(drainOptions, optionsOf(command));
    const body = grace === undefined ? {} : { graceMs: grace };
    await change('drain', name, body, options, context);
  });
  addManagerOptions(nodes.command('resume <node>').description('take a node back into service')).action(
    async (name: string, _own: unknown, command: Command) => {
      await change('resume', name, undefined, parseOptions(managerOptions, optionsOf(command)), context);
    },
  );
  addManagerOptions(
    nodes.command('remove <node>').description('end the leases of a node and forget it'),
  ).action(async (name: string, _own: unknown, command: Command) => {
    const options = parseOptions(managerOptions, optionsOf(command));
    const path = `remove?node=${encodeURIComponent(name)}`;
    const answer = await askManager(options, { method: 'POST', path }, context);
    context.print(options.json ? JSON.stringify(answer) : `${name}: removed`);
  });
}

async function list(options: z.output<typeof nodeListOptions>, context: MainContext): Promise<void> {
  const query = options.match === undefined ? '' : `?match=${encodeURIComponent(options.match)}`;
  const answer = await askManagerForList(options, `nodes${query}`, context, options.limit);
  if (options.json) return context.print(JSON.stringify(answer));
  const rows = understand(z.array(node), answer, 'nodes').map((each) => [
    each.name,
    each.drain === 'no' ? each.state : each.drain,
    `${each.freeCores}/${each.cores}`,
    `${formatMebibytes(each.freeMemoryMiB)} / ${formatMebibytes(each.memoryMiB)}`,
    String(each.leases),
    each.url,
  ]);
  context.print(formatTable(['NODE', 'STATE', 'FREE CORES', 'FREE MEMORY', 'LEASES', 'URL'], rows));
}

async function change(
  action: 'drain' | 'resume',
  name: string,
  body: unknown,
  options: z.output<typeof managerOptions>,
  context: MainContext,
): Promise<void> {
  const path = `nodes/${encodeURIComponent(name)}/${action}`;
  const answer = await askManager(options, { method: 'POST', path, body }, context);
  if (options.json) return context.print(JSON.stringify(answer));
  const { drain, leases } = understand(node, answer, 'nodes');
  context.print(`${name}: ${drain === 'no' ? 'in service' : drain}, ${leases} leases`);
}
