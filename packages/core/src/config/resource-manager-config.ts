import { z } from 'zod';
import {
  entityName,
  filePath,
  ignoredSecret,
  milliseconds,
  port,
  schemaReference,
  transportUrl,
} from './fields.ts';
import { listenDevice, listenUrl } from './transport-config.ts';

const limits = z.strictObject({
  cores: z.int().min(0).optional(),
  memory: z.int().min(0).optional().describe('MiB'),
  leases: z.int().min(0).optional(),
  core_seconds: z.number().min(0).optional().describe('In all, of leases that are over and that run'),
});

const settings = z.strictObject({
  rdma_device: z.string().default('').describe('RDMA device; empty: shared memory on this host'),
  rdma_device_port: port.default(0),
  http_network_address: z.string().default('').describe('Address of the HTTP interface; empty: 127.0.0.1'),
  http_network_port: port.default(0),
  'rdma-threads': z
    .int()
    .min(1)
    .optional()
    .describe('Accepted and ignored: one event loop serves all connections'),
  'rdma-secret': ignoredSecret.optional(),
  'rdma-sleep': z.boolean().optional().describe('Accepted and ignored: an idle server always sleeps'),
  'allow-oversubscription': z
    .literal(false)
    .optional()
    .describe('Cores are shared only where a node says so: "oversubscription" of its executor manager'),
  transport: transportUrl.optional(),
  devices_database: filePath
    .optional()
    .describe('devices.json: the address of the device, and its port where rdma_device_port is 0'),
  name: entityName.default('resource-manager'),
  cluster_key_file: filePath.optional(),
  http_token_file: filePath.optional().describe("File with the operator's token; made if it is not there"),
  http_tls_cert_file: filePath.optional().describe('Certificate with its chain, PEM; with it: HTTPS only'),
  http_tls_key_file: filePath.optional().describe('Key of that certificate, PEM, mode 0600'),
  http_host_names: z
    .array(z.string().min(1))
    .default([])
    .describe("Names that HTTP requests may be sent to, besides addresses, localhost and the host's own"),
  http_requests_per_second: z
    .int()
    .min(1)
    .default(200)
    .describe('HTTP requests that one caller may make in a second'),
  drain_grace_ms: z
    .int()
    .min(0)
    .max(2 ** 31 - 1)
    .default(60_000)
    .describe('How long the leases of a draining node may go on'),
  executors_database: filePath.optional(),
  insecure: z.boolean().default(false).describe('Waives the HTTP token and the checks of Host and Origin'),
  max_lease_ms: milliseconds.default(24 * 3600 * 1000).describe('The longest lease that is granted'),
  lease_skew_ms: z.int().min(0).default(5000).describe('How far the clocks of the hosts may be apart'),
  node_timeout_ms: milliseconds
    .default(15_000)
    .describe('A node of which nothing is heard for this long is suspect, and after that long again lost'),
  peer_timeout_ms: milliseconds
    .default(15_000)
    .describe('A client on another host of which nothing is heard for this long is gone'),
  client_grace_ms: z
    .int()
    .min(0)
    .default(10_000)
    .describe('How long the leases of a client go on whose connection is gone'),
  max_queued: z.int().min(0).default(10_000).describe('Requests that may wait for resources at once'),
  queue_patience_ms: z
    .int()
    .min(0)
    .default(60_000)
    .describe('A request that has waited for this long is passed by no other'),
  store: z
    .enum(['file', 'memory'])
    .default('file')
    .describe('Where the state of the cluster is; in memory it ends with the process'),
  state_file: filePath
    .optional()
    .describe('The file with the state; default: resource-manager.db in the state folder'),
  placement: z
    .strictObject({
      policy: z.enum(['pack', 'spread', 'random', 'locality']).default('pack'),
      label: z.string().optional().describe('The label that "locality" looks at'),
      seed: z.int().min(0).optional().describe('The same choices in each run, for tests'),
    })
    .refine(({ policy, label }) => policy !== 'locality' || label !== undefined, {
      message: 'policy "locality" needs a label',
      path: ['label'],
    })
    .prefault({})
    .describe('How nodes are chosen'),
  limits: limits.prefault({}).describe('What a tenant may have that has no limits of its own'),
  tenants: z.record(entityName, limits).default({}).describe('Limits of tenants'),
});

/** The keys of `resource_manager.json` as they stand in the file. */
export const resourceManagerFile = z.strictObject({ $schema: schemaReference, config: settings });

/** `resource_manager.json`: the reference's keys and ours. */
export const resourceManagerConfig = resourceManagerFile.transform(({ config }) => ({
  /** Where to listen for clients and executor managers. */
  transport: listenUrl(config),
  /** The RDMA device to listen on, if the file names one and no `transport`. */
  device: listenDevice(config),
  /** What is known of that device. */
  devicesDatabase: config.devices_database,
  httpAddress: config.http_network_address === '' ? '127.0.0.1' : config.http_network_address,
  httpPort: config.http_network_port,
  /** What this resource manager is called in handshakes. */
  name: config.name,
  clusterKeyFile: config.cluster_key_file,
  httpTokenFile: config.http_token_file,
  httpTls: { certFile: config.http_tls_cert_file, keyFile: config.http_tls_key_file },
  httpHostNames: config.http_host_names,
  httpRequestsPerSecond: config.http_requests_per_second,
  drainGraceMs: config.drain_grace_ms,
  executorsDatabase: config.executors_database,
  insecure: config.insecure,
  maxLeaseMs: config.max_lease_ms,
  leaseSkewMs: config.lease_skew_ms,
  nodeTimeoutMs: config.node_timeout_ms,
  peerTimeoutMs: config.peer_timeout_ms,
  clientGraceMs: config.client_grace_ms,
  maxQueued: config.max_queued,
  queuePatienceMs: config.queue_patience_ms,
  store: config.store,
  stateFile: config.state_file,
  placement: { policy: placementPolicy(config.placement), seed: config.placement.seed },
  defaultLimits: tenantLimits(config.limits),
  tenantLimits: Object.fromEntries(
    Object.entries(config.tenants).map(([tenant, its]) => [tenant, tenantLimits(its)]),
  ),
  /** Sentences to log: what in the file has no effect. */
  warnings: ignoredKeyWarnings(config, ['rdma-secret']),
}));

/** See {@link resourceManagerConfig}. */
export type ResourceManagerConfig = z.output<typeof resourceManagerConfig>;

function placementPolicy({
  policy,
  label = '',
}: {
  readonly policy: 'pack' | 'spread' | 'random' | 'locality';
  readonly label?: string | undefined;
}): { readonly kind: 'pack' | 'spread' | 'random' } | { readonly kind: 'locality'; readonly label: string } {
  return policy === 'locality' ? { kind: policy, label } : { kind: policy };
}

function tenantLimits({ cores, memory, leases, core_seconds: coreSeconds }: z.output<typeof limits>): {
  readonly cores?: number;
  readonly memoryMiB?: number;
  readonly leases?: number;
  readonly coreSeconds?: number;
} {
  return {
    ...(cores === undefined ? {} : { cores }),
    ...(memory === undefined ? {} : { memoryMiB: memory }),
    ...(leases === undefined ? {} : { leases }),
    ...(coreSeconds === undefined ? {} : { coreSeconds }),
  };
}

/** A sentence for each secret of the reference's files that is there and has no effect. */
export function ignoredKeyWarnings(
  config: Readonly<Record<string, unknown>>,
  names: readonly string[],
): string[] {
  return names
    .filter((name) => config[name] !== undefined)
    .map((name) => `configuration key "${name}" is ignored: keys come from key files or the environment`);
}
