import {
  createSecretFile,
  defaultKeyFile,
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
import { defaultNodeName } from './node-resources.ts';

/** The variable that a node key is taken from where no file is named. */
const nodeKeyVariable = 'RFAAS_NODE_KEY';

/** What the command line adds to the configuration file. */
export interface SettingsOptions {
  readonly config: string | undefined;
  readonly skipResourceManager: boolean;
}

/** The effective configuration. */
export interface Settings extends ExecutorManagerConfig {
  readonly nodeName: string;
}

/** Reads the configuration file, or takes the defaults; throws RfaasError that names what is wrong in it. */
export function readSettings(options: SettingsOptions): Settings {
  const { config: path, skipResourceManager } = options;
  const config =
    path === undefined
      ? parseConfig('{"config":{}}', 'defaults', executorManagerConfig)
      : readConfig(path, executorManagerConfig);
  const relative = (file: string | undefined): string | undefined =>
    path === undefined ? file : resolveConfigPath(path, file);
  if (config.executor.sandbox !== 'process') {
    throw new RfaasError(
      'RFAAS_ERR_UNSUPPORTED',
      `sandbox "${config.executor.sandbox}": this release runs executors as processes; set "use_docker": false`,
    );
  }
  const resourceManager = skipResourceManager ? undefined : config.resourceManager;
  if (resourceManager === undefined && !skipResourceManager) {
    throw new RfaasError(
      'RFAAS_ERR_CONFIGURATION',
      `no resource manager is configured; set "resource_manager" (such as shm://10000) or run with --skip-resource-manager`,
    );
  }
  return {
    ...config,
    nodeName: config.nodeName ?? defaultNodeName(),
    nodeKeyFile: relative(config.nodeKeyFile),
    resourceManager,
    executor: { ...config.executor, modules: relative(config.executor.modules) },
  };
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
