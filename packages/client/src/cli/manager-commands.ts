import { parseOptions, RfaasError, type MainContext } from '@rfaas/core';
import type { Command } from 'commander';
import { z } from 'zod';
import { fetchFromManager } from './manager-http.ts';
import { formatTable } from './table.ts';

const schema = z.object({
  url: z.string().optional(),
  tokenFile: z.string().optional(),
  json: z.boolean().default(false),
});

const node = z.object({
  name: z.string(),
  url: z.string(),
  state: z.string(),
  cores: z.number(),
  freeCores: z.number(),
  memoryMiB: z.number(),
  freeMemoryMiB: z.number(),
});

const lease = z.object({
  id: z.string(),
  tenant: z.string(),
  shares: z.array(z.object({ node: z.string() })),
  cores: z.number(),
  memoryMiB: z.number(),
  expiry: z.string(),
});

/** `rfaas nodes`: what the cluster has, from the resource manager's HTTP interface. */
export function addNodesCommand(program: Command, context: MainContext): void {
  addOptions(
    program.command('nodes').description('list the nodes of the cluster and what is free on them'),
  ).action(async (values: unknown) => {
    const options = parseOptions(schema, values);
    const answer = await ask('nodes', options, context);
    if (options.json) return context.print(JSON.stringify(answer));
    const nodes = understand(z.array(node), answer, 'nodes');
    const rows = nodes.map(({ name, url, state, cores, freeCores, memoryMiB, freeMemoryMiB }) => [
      name,
      state,
      `${freeCores}/${cores}`,
      `${freeMemoryMiB}/${memoryMiB}`,
      url,
    ]);
    context.print(formatTable(['NODE', 'STATE', 'FREE CORES', 'FREE MiB', 'URL'], rows));
  });
}

/** `rfaas leases`: the open leases of the cluster, from the resource manager's HTTP interface. */
export function addLeasesCommand(program: Command, context: MainContext): void {
  addOptions(program.command('leases').description('list the open leases of the cluster')).action(
    async (values: unknown) => {
      const options = parseOptions(schema, values);
      const answer = await ask('leases', options, context);
      if (options.json) return context.print(JSON.stringify(answer));
      const leases = understand(z.array(lease), answer, 'leases');
      const rows = leases.map(({ id, tenant, shares, cores, memoryMiB, expiry }) => [
        id,
        tenant,
        shares.map((share) => share.node).join(','),
        String(cores),
        String(memoryMiB),
        new Date(expiry).toISOString(),
      ]);
      context.print(formatTable(['LEASE', 'TENANT', 'NODES', 'CORES', 'MiB', 'EXPIRES'], rows));
    },
  );
}

function addOptions(command: Command): Command {
  return command
    .option('-u, --url <url>', "the resource manager's HTTP address (default: $RFAAS_HTTP_URL)")
    .option(
      '--token-file <file>',
      'the file with its token (default: $RFAAS_HTTP_TOKEN, else http.token in the state folder)',
    )
    .option('--json', 'print the answer as one line of JSON', false);
}

async function ask(path: string, options: z.output<typeof schema>, context: MainContext): Promise<unknown> {
  const url = options.url ?? context.env['RFAAS_HTTP_URL'];
  if (url === undefined || url === '') {
    throw new RfaasError('RFAAS_ERR_USAGE', 'no resource manager named: give --url or set RFAAS_HTTP_URL');
  }
  return fetchFromManager(url, path, options.tokenFile, context);
}

function understand<S extends z.ZodType>(shape: S, answer: unknown, what: string): z.output<S> {
  const parsed = shape.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw new RfaasError(
    'RFAAS_ERR_PROTOCOL',
    `the resource manager's list of ${what} looks different than expected; is it of the same release? ` +
      z.prettifyError(parsed.error).replaceAll('\n', ' '),
  );
}
