import {
  addressOfDevice,
  createLogger,
  createSecretFile,
  defaultKeyFile,
  devicesConfig,
  formatConfig,
  formatKey,
  generateKey,
  loadKey,
  logLevels,
  parseConfig,
  parseOptions,
  readConfig,
  readyLine,
  resolveConfigPath,
  resourceManagerConfig,
  executorsDatabase,
  type Environment,
  type Logger,
  type MainContext,
  type ResourceManagerConfig,
} from '@rfaas/core';
import { isLoopback, readTlsFiles } from '@rfaas/core/http';
import { formatTransportUrl, listeningOnDevice, parseTransportUrl } from '@rfaas/rdmalib';
import type { Command } from 'commander';
import { z } from 'zod';
import { provideHttpToken } from '../http/http-token.ts';
import { ResourceManager } from '../resource-manager.ts';
import { openLeadership } from '../store/open-leadership.ts';

const serveOptions = z.object({
  config: z.string().optional(),
  executorsDatabase: z.string().optional(),
  device: z.string().optional(),
  devicesDatabase: z.string().optional(),
  insecure: z.boolean().default(false),
  logLevel: z.enum(logLevels),
  printConfig: z.boolean().default(false),
});

/** The resource manager itself: what the program does without a subcommand. */
export function addServeAction(program: Command, context: MainContext, version: string): void {
  program
    .option('-c, --config <file>', 'configuration file (resource_manager.json)')
    .option(
      '-i, --executors-database <file>',
      'nodes that are known from the start (executors_database.json)',
    )
    .option('-d, --device <name>', 'RDMA device to listen on; its address follows from it')
    .option('--devices-database <file>', "the device's address and port (devices.json)")
    .option('--insecure', 'no token for HTTP, whatever the address')
    .option('--log-level <level>', logLevels.join(', '), 'info')
    .option('--print-config', 'print the effective configuration and exit')
    .action(async (values: unknown) => {
      const options = parseOptions(serveOptions, values);
      const config = effectiveConfig(options);
      if (options.printConfig) {
        context.print(formatConfig(config));
        return;
      }
      const logger = createLogger({ level: options.logLevel, fields: { program: program.name() } });
      await serve(config, context, version, logger);
    });
}

async function serve(
  config: ResourceManagerConfig,
  { env, print, signal }: MainContext,
  version: string,
  logger: Logger,
): Promise<void> {
  for (const warning of config.warnings) {
    logger.warn(warning);
  }
  const http = provideHttpToken({
    address: config.httpAddress,
    file: config.httpTokenFile,
    insecure: config.insecure,
    env,
  });
  const clusterKey = provideClusterKey(config.clusterKeyFile, env, logger);
  await using manager = await ResourceManager.start({
    config,
    clusterKey,
    httpToken: http.token,
    httpTls: readTlsFiles(config.httpTls),
    nodes:
      config.executorsDatabase === undefined ? [] : readConfig(config.executorsDatabase, executorsDatabase),
    version,
    leadership: await openLeadership({ config, clusterKey, env, logger }),
    logger,
  });
  if (!isLoopback(config.httpAddress) && manager.httpUrl.startsWith('http:')) {
    logger.warn('HTTP without TLS can be read on its way: set "http_tls_cert_file" and "http_tls_key_file"', {
      address: config.httpAddress,
    });
  }
  const facts = { url: manager.url, httpUrl: manager.httpUrl, httpTokenFile: http.file };
  logger.info('ready', facts);
  print(readyLine({ program: 'rfaas-resource-manager', ...facts }));
  await aborted(signal);
  logger.info('stopping');
}

function effectiveConfig(options: z.output<typeof serveOptions>): ResourceManagerConfig {
  const file = options.config;
  const overrides = { rdma_device: options.device };
  const config =
    file === undefined
      ? parseConfig('{"config":{}}', 'defaults', resourceManagerConfig, overrides)
      : readConfig(file, resourceManagerConfig, overrides);
  const inFile = (path: string | undefined): string | undefined =>
    file === undefined ? path : resolveConfigPath(file, path);
  return {
    ...config,
    transport: listenUrl(config, options.device, options.devicesDatabase ?? inFile(config.devicesDatabase)),
    insecure: config.insecure || options.insecure,
    clusterKeyFile: inFile(config.clusterKeyFile),
    httpTokenFile: inFile(config.httpTokenFile),
    httpTls: { certFile: inFile(config.httpTls.certFile), keyFile: inFile(config.httpTls.keyFile) },
    stateFile: inFile(config.stateFile),
    etcd:
      config.etcd === undefined
        ? undefined
        : {
            ...config.etcd,
            passwordFile: inFile(config.etcd.passwordFile),
            caFile: inFile(config.etcd.caFile),
            certFile: inFile(config.etcd.certFile),
            keyFile: inFile(config.etcd.keyFile),
          },
    executorsDatabase: options.executorsDatabase ?? inFile(config.executorsDatabase),
  };
}

function listenUrl(
  config: ResourceManagerConfig,
  asked: string | undefined,
  database: string | undefined,
): string {
  const device = asked ?? config.device;
  if (device === undefined) {
    return config.transport;
  }
  const known =
    database === undefined ? undefined : addressOfDevice(readConfig(database, devicesConfig), device);
  return formatTransportUrl(listeningOnDevice(parseTransportUrl(config.transport), device, known));
}

/** The cluster key: named, from the environment, or from the user's state folder, where the first start makes it. */
export function provideClusterKey(file: string | undefined, env: Environment, logger: Logger): Uint8Array {
  const environmentValue = env['RFAAS_CLUSTER_KEY'];
  const defaultFile = defaultKeyFile(env, 'cluster');
  const isNamed = file !== undefined || (environmentValue !== undefined && environmentValue !== '');
  if (!isNamed && createSecretFile(defaultFile, formatKey(generateKey()), 'cluster key')) {
    logger.info('made a cluster key', { file: defaultFile });
  }
  return loadKey({
    what: 'cluster key',
    file,
    environmentValue,
    environmentName: 'RFAAS_CLUSTER_KEY',
    defaultFile,
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
    }
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
