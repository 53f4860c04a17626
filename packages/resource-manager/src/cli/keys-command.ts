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
import { monitorHttpToken, nodeHttpToken, tenantHttpToken } from '@rfaas/core/http';
import type { Command } from 'commander';
import { z } from 'zod';
import { provideClusterKey } from './serve-command.ts';

const keyOptions = z.object({ clusterKey: z.string().optional(), output: z.string().optional() });

const tokenArguments = z.discriminatedUnion('role', [
  z.object({ role: z.literal('monitor'), name: z.undefined() }),
  z.object({ role: z.literal('node'), name: configFields.entityName }),
  z.object({ role: z.literal('tenant'), name: configFields.entityName }),
]);

/** `keys cluster|node|tenant|token`: makes the cluster key and derives the others, and HTTP tokens, from it. */
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
  addTokenCommand(keys, context);
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

/** `keys token ROLE [NAME]`: what nodes, tenants and monitors show over HTTP. */
function addTokenCommand(keys: Command, context: MainContext): void {
  keys
    .command('token <role> [name]')
    .description('print the HTTP token of a node or a tenant, or the one that may read everything (monitor)')
    .option(
      '-k, --cluster-key <file>',
      'file with the cluster key (default: $RFAAS_CLUSTER_KEY, else the state folder)',
    )
    .action((role: string, name: string | undefined, values: unknown) => {
      const options = parseOptions(keyOptions, values);
      const wanted = parseOptions(tokenArguments, { role, name });
      const clusterKey = provideClusterKey(options.clusterKey, context.env, silentLogger);
      context.print(httpToken(wanted, clusterKey));
    });
}

function httpToken(wanted: z.output<typeof tokenArguments>, clusterKey: Uint8Array): string {
  switch (wanted.role) {
    case 'monitor':
      return monitorHttpToken(clusterKey);
    case 'node':
      return nodeHttpToken(deriveNodeKey(clusterKey, wanted.name), wanted.name);
    case 'tenant':
      return tenantHttpToken(deriveTenantCredential(clusterKey, wanted.name), wanted.name);
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
