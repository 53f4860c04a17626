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

const etcd = z.strictObject({
  endpoints: z
    .array(z.string().regex(/^https?:\/\/[^\s/]+\/?$/, 'expected an address such as http://10.0.0.1:2379'))
    .min(1)
    .describe('Addresses of the members of etcd, such as http://10.0.0.1:2379, or https://'),
  prefix: z
    .string()
    .regex(/^[\w./@+-]+$/, 'expected letters, digits and . / @ + - _')
    .default('rfaas/')
    .describe('What the keys of this cluster begin with; another one for each cluster'),
  user: z
    .string()
    .min(1)
    .optional()
    .describe('A user of etcd; its password: password_file or RFAAS_ETCD_PASSWORD'),
  password_file: filePath.optional().describe('File with the password, mode 0600'),
  ca_file: filePath.optional().describe('Certificates to trust, PEM; default: those that the system trusts'),
  cert_file: filePath.optional().describe('Certificate to show to etcd, PEM'),
  key_file: filePath.optional().describe('Key of that certificate, PEM, mode 0600'),
  lease_seconds: z
    .int()
    .min(2)
    .max(60)
    .default(3)
    .describe('A leader of which etcd hears nothing for this long is replaced'),
  timeout_ms: milliseconds.default(5000).describe('How long etcd may take to answer, all members together'),
  compact_minutes: z
    .number()
    .min(0)
    .default(5)
    .describe('How often the leader has etcd forget what its keys were before; 0: etcd does that by itself'),
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
    .enum(['file', 'memory', 'etcd'])
    .default('file')
    .describe(
      'Where the state of the cluster is; in memory it ends with the process, in etcd several resource managers share it',
    ),
  etcd: etcd.optional().describe('Where etcd is; for "store": "etcd"'),
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
export const resourceManagerFile = z.strictObject({
  $schema: schemaReference,
  config: settings.refine(({ store, etcd: its }) => (store === 'etcd') === (its !== undefined), {
    message: '"store": "etcd" and "etcd" belong together',
    path: ['etcd'],
  }),
});

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
  /** Where etcd is, if the state is there. */
  etcd: config.etcd === undefined ? undefined : etcdConfig(config.etcd),
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

/** Where etcd is, and how it is used. */
export interface EtcdConfig {
  readonly endpoints: readonly string[];
  readonly prefix: string;
  readonly user: string | undefined;
  readonly passwordFile: string | undefined;
  readonly caFile: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  readonly leaseSeconds: number;
  readonly timeoutMs: number;
  readonly compactMs: number;
}

function etcdConfig(config: z.output<typeof etcd>): EtcdConfig {
  return {
    endpoints: config.endpoints,
    prefix: config.prefix,
    user: config.user,
    passwordFile: config.password_file,
    caFile: config.ca_file,
    certFile: config.cert_file,
    keyFile: config.key_file,
    leaseSeconds: config.lease_seconds,
    timeoutMs: config.timeout_ms,
    compactMs: config.compact_minutes * 60_000,
  };
}

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
