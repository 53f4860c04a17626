import {
  configFields,
  createSecretFile,
  defaultKeyFile,
  deriveNodeKey,
  deriveTenantCredential,
  formatKey,
  generateKey,
  parseOptions,
  RfaasError,
  silentLogger,
  type DefaultKey,
  type MainContext,
} from '@rfaas/core';
import type { Command } from 'commander';
import { z } from 'zod';
import { provideClusterKey } from './serve-command.ts';

const keyOptions = z.object({ clusterKey: z.string().optional(), output: z.string().optional() });

/** `keys cluster`, `keys node NAME`, `keys tenant NAME`: makes the cluster key and derives the others from it. */
export function addKeysCommand(program: Command, context: MainContext): void {
  const keys = program
    .command('keys')
    .description('make the cluster key, and derive keys of nodes and tenants from it');
  keys
    .command('cluster')
    .description('make a new cluster key')
    .option('-o, --output <file>', 'where to write it, "-" for standard output (default: the state folder)')
    .action((values: unknown) => {
      const { output } = parseOptions(keyOptions, values);
      writeKey(context, 'cluster', output, generateKey());
    });
  const derived = [
    ['node', 'the key that the executor manager of a node needs', deriveNodeKey],
    ['tenant', 'the credential that the clients of a tenant need', deriveTenantCredential],
  ] as const;
  for (const [kind, description, derive] of derived) {
    keys
      .command(`${kind} <name>`)
      .description(`derive ${description}`)
      .option(
        '-k, --cluster-key <file>',
        'file with the cluster key (default: $RFAAS_CLUSTER_KEY, else the state folder)',
      )
      .option('-o, --output <file>', 'where to write it, "-" for standard output (default: the state folder)')
      .action((name: string, values: unknown) => {
        const options = parseOptions(keyOptions, values);
        const entity = parseOptions(z.object({ name: configFields.entityName }), { name }).name;
        const clusterKey = provideClusterKey(options.clusterKey, context.env, silentLogger);
        const key = kind === 'node' ? { node: entity } : { tenant: entity };
        writeKey(context, key, options.output, derive(clusterKey, entity));
      });
  }
}

function writeKey(
  { env, print }: MainContext,
  which: DefaultKey,
  output: string | undefined,
  key: Uint8Array,
): void {
  if (output === '-') {
    print(formatKey(key).trimEnd());
    return;
  }
  const path = output ?? defaultKeyFile(env, which);
  if (!createSecretFile(path, formatKey(key), 'key')) {
    throw new RfaasError(
      'RFAAS_ERR_USAGE',
      `${path} is there already; remove it first, or name another with --output`,
    );
  }
  print(path);
}
