import {
  addressOfDevice,
  createSecretFile,
  defaultKeyFile,
  devicesConfig,
  executorManagerConfig,
  formatKey,
  generateKey,
  loadKey,
  parseConfig,
  readConfig,
  resolveConfigPath,
  RfaasError,
} from '@rfaas/core';
import type { Environment, ExecutorManagerConfig } from '@rfaas/core';
import { formatTransportUrl, listeningOnDevice, parseTransportUrl, throughDevice } from '@rfaas/rdmalib';
import { defaultNodeName } from './node-resources.ts';

/** The variable that a node key is taken from where no file is named. */
const nodeKeyVariable = 'RFAAS_NODE_KEY';

/** What the command line adds to the configuration file. */
export interface SettingsOptions {
  readonly config?: string | undefined;
  readonly skipResourceManager: boolean;
  /** The RDMA device to listen on and to reach the resource manager through. */
  readonly device?: string | undefined;
  /** A file that knows the device's address and port. */
  readonly devicesDatabase?: string | undefined;
}

/** The effective configuration. */
export interface Settings extends ExecutorManagerConfig {
  readonly nodeName: string;
}

/** Reads the configuration file, or takes the defaults; throws RfaasError that names what is wrong in it. */
export function readSettings(options: SettingsOptions): Settings {
  const { config: path, skipResourceManager } = options;
  const overrides = { rdma_device: options.device };
  const config =
    path === undefined
      ? parseConfig('{"config":{}}', 'defaults', executorManagerConfig, overrides)
      : readConfig(path, executorManagerConfig, overrides);
  const relative = (file: string | undefined): string | undefined =>
    path === undefined ? file : resolveConfigPath(path, file);
  if (config.executor.sandbox !== 'process') {
    throw new RfaasError(
      'RFAAS_ERR_UNSUPPORTED',
      `sandbox "${config.executor.sandbox}": this release runs executors as processes; set "use_docker": false`,
    );
  }
  const resourceManager = skipResourceManager
    ? undefined
    : config.resourceManager
        ?.split(',')
        .map((url) => managerUrl(url, options.device))
        .join(',');
  if (resourceManager === undefined && !skipResourceManager) {
    throw new RfaasError(
      'RFAAS_ERR_CONFIGURATION',
      `no resource manager is configured; set "resource_manager" (such as shm://10000) or run with --skip-resource-manager`,
    );
  }
  return {
    ...config,
    transport: listenUrl(config, options.device, options.devicesDatabase ?? relative(config.devicesDatabase)),
    nodeName: config.nodeName ?? defaultNodeName(),
    nodeKeyFile: relative(config.nodeKeyFile),
    resourceManager,
    http: {
      ...config.http,
      tokenFile: relative(config.http.tokenFile),
      tls: { certFile: relative(config.http.tls.certFile), keyFile: relative(config.http.tls.keyFile) },
    },
    executor: {
      ...config.executor,
      modules: relative(config.executor.modules),
      packageCache: relative(config.executor.packageCache),
    },
  };
}

function listenUrl(
  config: ExecutorManagerConfig,
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

/** A resource manager on shared memory is on this host, whatever the device is for. */
function managerUrl(url: string, device: string | undefined): string {
  if (device === undefined || url.startsWith('shm:')) {
    return url;
  }
  return formatTransportUrl(throughDevice(parseTransportUrl(url), device));
}

/** A node key and the file that it is in; no file where it came from the environment. */
export interface NodeKey {
  readonly key: Uint8Array;
  readonly file: string | undefined;
}

/**
 * The key of this node: from the file that the settings name, from `RFAAS_NODE_KEY`, or from the node's default file, which
 * a node without a resource manager makes itself.
 */
export function loadNodeKey(settings: Settings, environment: Environment): NodeKey {
  const environmentValue = environment[nodeKeyVariable];
  const defaultFile = defaultKeyFile(environment, { node: settings.nodeName });
  const isNamed = settings.nodeKeyFile !== undefined || (environmentValue ?? '') !== '';
  if (!isNamed && settings.resourceManager === undefined) {
    createSecretFile(defaultFile, formatKey(generateKey()), 'node key');
  }
  const key = loadKey({
    what: 'node key',
    file: settings.nodeKeyFile,
    environmentValue,
    environmentName: nodeKeyVariable,
    defaultFile,
  });
  return { key, file: settings.nodeKeyFile ?? (isNamed ? undefined : defaultFile) };
}
