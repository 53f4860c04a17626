import { integerOption, loadKey, RfaasError, type MainContext } from '@rfaas/core';
import type { Command } from 'commander';
import { z } from 'zod';
import { Client } from '../client.ts';
import type { Lease } from '../lease.ts';

/** Options of commands that take a lease. */
export const leaseOptionsSchema = z.object({
  resourceManager: z.string().optional(),
  executorManager: z.string().optional(),
  device: z.string().optional(),
  nodeKeyFile: z.string().optional(),
  tenant: z.string().optional(),
  credentialFile: z.string().optional(),
  node: z.string().optional(),
  cores: integerOption(1),
  memory: integerOption(1).optional(),
});

/** See {@link leaseOptionsSchema}. */
export type CliLeaseOptions = z.output<typeof leaseOptionsSchema>;

/** Adds the options of {@link leaseOptionsSchema} to a command. */
export function addLeaseOptions(command: Command): Command {
  return command
    .option(
      '-r, --resource-manager <url>',
      'where the resource manager listens (default: $RFAAS_RESOURCE_MANAGER)',
    )
    .option('-e, --executor-manager <url>', 'use this executor manager, without a resource manager')
    .option(
      '-d, --device <name>',
      'RDMA device of this host to use (default: the one on the way to the manager)',
    )
    .option('--node-key-file <file>', 'the key of that node (default: the key in $RFAAS_NODE_KEY)')
    .option('-t, --tenant <name>', 'who pays (default: $RFAAS_TENANT, else "default")')
    .option(
      '--credential-file <file>',
      "the tenant's credential (default: $RFAAS_CREDENTIAL_FILE, else its key file)",
    )
    .option('-n, --node <name>', 'the node that is wanted (default: any)')
    .option('-c, --cores <count>', 'cores to lease', '1')
    .option('-m, --memory <MiB>', 'memory to lease (default: 1024 for each core)');
}

/** Connects as the options say. */
export async function connectClient(options: CliLeaseOptions, { env, signal }: MainContext): Promise<Client> {
  const { executorManager, device, nodeKeyFile, tenant, credentialFile } = options;
  if (executorManager !== undefined) {
    const nodeKey = loadKey({
      what: 'node key',
      file: nodeKeyFile,
      environmentValue: env['RFAAS_NODE_KEY'],
      environmentName: 'RFAAS_NODE_KEY',
    });
    return Client.direct(executorManager, { nodeKey, tenant, device, environment: env });
  }
  const resourceManager = options.resourceManager ?? env['RFAAS_RESOURCE_MANAGER'];
  if (resourceManager === undefined || resourceManager === '') {
    throw new RfaasError(
      'RFAAS_ERR_USAGE',
      'no manager named: give --resource-manager, set RFAAS_RESOURCE_MANAGER, or give --executor-manager',
    );
  }
  return Client.connect({ resourceManager, tenant, device, credentialFile, signal, environment: env });
}

/** Takes a lease as the options say. */
export function leaseFor(
  client: Client,
  { cores, memory, node }: CliLeaseOptions,
  signal: AbortSignal,
): Promise<Lease> {
  return client.lease({ cores, memoryMiB: memory, node, signal });
}
