import { z } from 'zod';
import {
  coreCount,
  entityName,
  filePath,
  ignoredSecret,
  mebibytes,
  milliseconds,
  port,
  schemaReference,
  transportUrl,
} from './fields.ts';
import { ignoredKeyWarnings } from './resource-manager-config.ts';
import { listenDevice, listenUrl, resourceManagerUrl } from './transport-config.ts';

/** What separates an executor from its host. */
export const sandboxTypes = ['process', 'docker', 'sarus', 'singularity'] as const;

const settings = z.strictObject({
  rdma_device: z.string().default('').describe('RDMA device; empty: shared memory on this host'),
  rdma_device_port: port.default(0),
  node_name: entityName.optional().describe("The node's name; default: the host's"),
  resource_manager_address: z.string().default(''),
  resource_manager_port: port.default(0),
  resource_manager_secret: ignoredSecret.optional(),
  'rdma-sleep': z.boolean().optional().describe('Accepted and ignored: an idle server always sleeps'),
  transport: transportUrl.optional(),
  devices_database: filePath
    .optional()
    .describe('devices.json: the address of the device, and its port where rdma_device_port is 0'),
  resource_manager: z
    .union([transportUrl, z.array(transportUrl).min(1)])
    .optional()
    .describe('URL of the resource manager, or of all of them'),
  node_key_file: filePath.optional(),
  cores: z
    .union([coreCount, z.array(z.int().min(0).max(65_535)).min(1)])
    .optional()
    .describe(
      'How many cores to lease out, or the numbers of the processors; default: one processor of each core that this process may use',
    ),
  memory: mebibytes.optional().describe("Memory to lease out in MiB; default: the host's"),
  gpus: z.int().min(0).default(0),
  http_network_address: z.string().default('').describe('Address of /metrics; empty: 127.0.0.1'),
  http_network_port: port.default(0),
  http_token_file: filePath
    .optional()
    .describe("File with a token that /metrics takes besides the node's own, such as that of a monitor"),
  http_tls_cert_file: filePath.optional().describe('Certificate with its chain, PEM; with it: HTTPS only'),
  http_tls_key_file: filePath.optional().describe('Key of that certificate, PEM, mode 0600'),
  http_host_names: z
    .array(z.string().min(1))
    .default([])
    .describe("Names that HTTP requests may be sent to, besides addresses, localhost and the host's own"),
  insecure: z.boolean().default(false).describe('Waives the HTTP token and the checks of Host and Origin'),
  labels: z
    .record(z.string(), z.string())
    .default({})
    .describe('What the node is, for requests that want it: { "rack": "r12" }'),
  oversubscription: z
    .number()
    .min(1)
    .max(100)
    .default(1)
    .describe(
      'Cores to lease out for each core that there is: first their other hardware threads, then cores again',
    ),
  drain_grace_ms: z
    .int()
    .min(0)
    .default(10_000)
    .describe('How long what runs may take to finish when this program is told to stop'),
  peer_timeout_ms: milliseconds
    .default(15_000)
    .describe(
      'A peer on another host, or a resource manager, of which nothing is heard for this long is gone',
    ),
});

const executorSettings = z.strictObject({
  use_docker: z.boolean().optional(),
  sandbox_type: z.enum(sandboxTypes).optional(),
  repetitions: z
    .int()
    .min(0)
    .optional()
    .describe('Accepted and ignored: executors end when they are told to'),
  warmup_iters: z.int().min(0).optional().describe('Accepted and ignored: executors warm up by themselves'),
  pin_threads: z.boolean().default(false).describe('Bind each worker thread to its own core'),
  max_inline_data: z.int().min(0).optional().describe('Accepted and ignored: known from the transport'),
  recv_buffer_size: z.int().min(0).optional().describe('Accepted and ignored: follows from the slots'),
  modules: filePath.optional().describe('The folder from which JavaScript functions may import'),
  flush_ms: milliseconds.default(100).describe('How often an executor adds up what it used'),
  start_timeout_ms: milliseconds.default(10_000).describe('How long an executor may take to get ready'),
  stop_timeout_ms: milliseconds
    .default(1000)
    .describe('How long an executor may take to end before it is killed'),
  prewarmed: z
    .int()
    .min(0)
    .max(1024)
    .default(0)
    .describe('How many executors are kept started ahead of their clients'),
  prewarmed_threads: z
    .int()
    .min(1)
    .max(1024)
    .default(1)
    .describe('How many worker threads each of them has ready; further ones start when they are needed'),
  keep_warm_ms: z
    .int()
    .min(0)
    .max(2 ** 31 - 1)
    .default(0)
    .describe('How long an executor waits for its client to come back after it was given back; 0: it ends'),
  package_cache: filePath
    .optional()
    .describe('A folder for function packages under their hashes; default: packages are not kept'),
  package_cache_mib: mebibytes
    .default(1024)
    .describe('How much of them is kept; those unused for longest go first'),
});

/** The keys of `executor_manager.json` as they stand in the file. */
export const executorManagerFile = z.strictObject({
  $schema: schemaReference,
  config: settings,
  executor: executorSettings.prefault({}),
  'sandbox-configuration': z
    .array(z.unknown())
    .optional()
    .describe('Accepted and ignored: for container sandboxes'),
});

/** `executor_manager.json`: the reference's keys and ours. */
export const executorManagerConfig = executorManagerFile.transform(({ config, executor }) => ({
  /** Where to listen for clients and executors. */
  transport: listenUrl(config),
  /** The RDMA device to listen on, if the file names one and no `transport`. */
  device: listenDevice(config),
  /** What is known of that device. */
  devicesDatabase: config.devices_database,
  nodeName: config.node_name,
  /** The resource manager's URL, if the file names one. */
  resourceManager: resourceManagerUrl(config),
  nodeKeyFile: config.node_key_file,
  /** How many cores, or which processors. */
  cores: config.cores,
  memoryMiB: config.memory,
  gpus: config.gpus,
  labels: config.labels,
  oversubscription: config.oversubscription,
  drainGraceMs: config.drain_grace_ms,
  peerTimeoutMs: config.peer_timeout_ms,
  http: {
    address: config.http_network_address === '' ? '127.0.0.1' : config.http_network_address,
    port: config.http_network_port,
    tokenFile: config.http_token_file,
    tls: { certFile: config.http_tls_cert_file, keyFile: config.http_tls_key_file },
    hostNames: config.http_host_names,
    insecure: config.insecure,
  },
  executor: {
    sandbox: executor.sandbox_type ?? (executor.use_docker === true ? 'docker' : 'process'),
    pinThreads: executor.pin_threads,
    modules: executor.modules,
    flushMs: executor.flush_ms,
    startTimeoutMs: executor.start_timeout_ms,
    stopTimeoutMs: executor.stop_timeout_ms,
    prewarmed: executor.prewarmed,
    prewarmedThreads: executor.prewarmed_threads,
    keepWarmMs: executor.keep_warm_ms,
    packageCache: executor.package_cache,
    packageCacheMiB: executor.package_cache_mib,
  },
  /** Sentences to log: what in the file has no effect. */
  warnings: ignoredKeyWarnings(config, ['resource_manager_secret']),
}));

/** See {@link executorManagerConfig}. */
export type ExecutorManagerConfig = z.output<typeof executorManagerConfig>;
