import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  errorMessage,
  readSecretFile,
  RfaasError,
  stateDirectory,
  type Environment,
  type EtcdConfig,
  type Logger,
  type ResourceManagerConfig,
} from '@rfaas/core';
import { soleLeadership, type Leadership } from '../leadership/leadership.ts';
import type { EtcdLeadershipOptions } from './etcd/etcd-leadership.ts';
import { MemoryStore } from './memory-store.ts';
import { SqliteStore } from './sqlite-store.ts';

/** The variable that etcd's password is taken from where no file is named. */
const passwordVariable = 'RFAAS_ETCD_PASSWORD';

/** What the state is opened with. */
export interface OpenLeadershipOptions {
  readonly config: Pick<ResourceManagerConfig, 'store' | 'stateFile' | 'etcd'>;
  readonly clusterKey: Uint8Array;
  readonly env: Environment;
  readonly logger: Logger;
}

/** The state where the configuration says that it is. @throws RfaasError `RFAAS_ERR_STORE`, `RFAAS_ERR_CONFIGURATION` */
export async function openLeadership({
  config,
  clusterKey,
  env,
  logger,
}: OpenLeadershipOptions): Promise<Leadership> {
  if (config.etcd !== undefined) {
    // Its client is a large part of what this program would load, and most clusters have no etcd.
    const { EtcdLeadership } = await import('./etcd/etcd-leadership.ts');
    return new EtcdLeadership(etcdOptions(config.etcd, clusterKey, env));
  }
  if (config.store === 'memory') {
    logger.warn('the state is in memory: leases and bills end with this process');
    return soleLeadership(new MemoryStore());
  }
  return soleLeadership(
    SqliteStore.open(config.stateFile ?? join(stateDirectory(env), 'resource-manager.db')),
  );
}

function etcdOptions(config: EtcdConfig, clusterKey: Uint8Array, env: Environment): EtcdLeadershipOptions {
  const { endpoints, prefix, leaseSeconds, timeoutMs, compactMs, caFile, certFile, keyFile } = config;
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new RfaasError(
      'RFAAS_ERR_CONFIGURATION',
      'a certificate for etcd needs both "cert_file" and "key_file"',
    );
  }
  const key = keyFile === undefined ? undefined : Buffer.from(readSecretFile(keyFile, 'key for etcd'));
  return {
    endpoints,
    prefix,
    clusterKey,
    user: etcdUser(config, env),
    tls: { ca: readCertificate(caFile), cert: readCertificate(certFile), key },
    leaseSeconds,
    timeoutMs,
    compactMs,
  };
}

function etcdUser(
  { user: name, passwordFile }: EtcdConfig,
  env: Environment,
): { readonly name: string; readonly password: string } | undefined {
  if (name === undefined) {
    return undefined;
  }
  const password =
    passwordFile === undefined
      ? env[passwordVariable]
      : readSecretFile(passwordFile, 'password for etcd').replace(/\r?\n$/, '');
  if (password === undefined || password === '') {
    throw new RfaasError(
      'RFAAS_ERR_CONFIGURATION',
      `user "${name}" of etcd needs a password: set "password_file" or ${passwordVariable}`,
    );
  }
  return { name, password };
}

function readCertificate(file: string | undefined): Buffer | undefined {
  try {
    return file === undefined ? undefined : readFileSync(file);
  } catch (error) {
    throw new RfaasError(
      'RFAAS_ERR_CONFIGURATION',
      `cannot read certificates for etcd: ${errorMessage(error)}`,
      {
        cause: error,
      },
    );
  }
}
