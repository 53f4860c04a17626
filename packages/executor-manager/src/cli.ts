import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import {
  createLogger,
  createProgram,
  formatConfig,
  logLevels,
  parseOptions,
  readyLine,
  runMain,
  runProgram,
} from '@rfaas/core';
import type { Logger, MainContext } from '@rfaas/core';
import { z } from 'zod';
import type { NodeCapacity } from './claims.ts';
import { ExecutorManager } from './executor-manager.ts';
import { loadHttpAccess } from './http-access.ts';
import { ProcessorAffinity } from './launchers/processor-affinity.ts';
import { hostMemoryMiB, nodeCapacity } from './node-resources.ts';
import { MetricsServer } from './metrics/metrics-server.ts';
import { NodeMetrics } from './metrics/node-metrics.ts';
import { loadNodeKey, readSettings, type Settings } from './settings.ts';
import { sharedCores } from './topology/choose-processors.ts';
import { processorQuota } from './topology/processor-quota.ts';
import { readTopology } from './topology/processor-topology.ts';

const programName = 'rfaas-executor-manager';

const optionsSchema = z.strictObject({
  config: z.string().optional(),
  skipResourceManager: z.boolean().default(false),
  device: z.string().optional(),
  devicesDatabase: z.string().optional(),
  printConfig: z.boolean().default(false),
  logLevel: z.enum(logLevels).default('info'),
});

type Options = z.output<typeof optionsSchema>;

void runMain(async (context) => {
  const program = createProgram({
    name: programName,
    description: 'Runs on each worker node: verifies leases and starts executors for clients.',
    version: packageVersion(),
    examples: [
      [
        `${programName} -c executor_manager.json`,
        'a node of the cluster whose resource manager the file names',
      ],
      [
        `${programName} --skip-resource-manager`,
        'this host alone, over shared memory, on a port that the system chooses',
      ],
      [
        `${programName} -c executor_manager.json --device mlx5_0`,
        'over RDMA: the address follows from the device',
      ],
    ],
  })
    .option('-c, --config <file>', 'configuration file (executor_manager.json)')
    .option(
      '--skip-resource-manager',
      'work without a resource manager: clients sign leases with the node key',
    )
    .option('-d, --device <name>', 'RDMA device to listen on and to reach the resource manager through')
    .option(
      '--devices-database <file>',
      "the device's address and port (devices.json); default: its own address",
    )
    .option('--print-config', 'print the effective configuration and exit')
    .option('--log-level <level>', `how much to log: ${logLevels.join(', ')}`)
    .action(async (values: unknown) => run(parseOptions(optionsSchema, values), context));
  await runProgram(program, context.argv);
});

async function run(options: Options, { env, signal, print }: MainContext): Promise<void> {
  const settings = readSettings(options);
  if (options.printConfig) {
    print(formatConfig(settings));
    return;
  }
  const logger = createLogger({
    level: options.logLevel,
    fields: { program: programName, node: settings.nodeName },
  });
  for (const warning of settings.warnings) {
    logger.warn(warning);
  }
  const nodeKey = loadNodeKey(settings, env);
  const metrics = new NodeMetrics();
  await using http = await MetricsServer.listen({
    address: settings.http.address,
    port: settings.http.port,
    hostNames: [hostname(), ...settings.http.hostNames],
    ...loadHttpAccess(settings, nodeKey.key),
    metrics,
    logger: logger.child({ component: 'http' }),
  });
  const affinity = new ProcessorAffinity();
  const capacity = capacityOf(settings, affinity, logger);
  await using manager = await ExecutorManager.start({
    listenUrl: settings.transport,
    nodeName: settings.nodeName,
    nodeKey: nodeKey.key,
    capacity,
    gpus: settings.gpus,
    labels: settings.labels,
    oversubscription: settings.oversubscription,
    resourceManagerUrl: settings.resourceManager,
    peerTimeoutMs: settings.peerTimeoutMs,
    executor: settings.executor,
    metrics,
    affinity,
    environment: env,
    logger,
    logLevel: options.logLevel,
    signal,
  });
  print(
    readyLine({
      program: programName,
      url: manager.url,
      httpUrl: http.url,
      node: settings.nodeName,
      cores: capacity.cpus.length,
      memoryMiB: capacity.memoryMiB,
      resourceManager: settings.resourceManager,
      nodeKeyFile: nodeKey.file,
    }),
  );
  await Promise.race([aborted(signal), manager.failed]);
  logger.info('stopping: whatever runs may finish first', { graceMs: settings.drainGraceMs });
  await manager.drain(settings.drainGraceMs);
}

function capacityOf(settings: Settings, affinity: ProcessorAffinity, logger: Logger): NodeCapacity {
  const available = affinity.processors();
  const host = { available, topology: readTopology(available), quota: processorQuota() };
  const capacity = nodeCapacity(settings, host, hostMemoryMiB());
  for (const processors of sharedCores(capacity.cpus, capacity.topology)) {
    logger.warn('threads that spin will share a core, as "cores" asks for', { processors });
  }
  return capacity;
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) {
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }
}

function packageVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}
