import { defaultKeyFile, loadKey, type Environment } from '@rfaas/core';

/** The tenant of a client that was told none. */
const DEFAULT_TENANT = 'default';

/** `$RFAAS_TENANT`, else `default`. */
export function environmentTenant(environment: Environment): string {
  return environment['RFAAS_TENANT'] || DEFAULT_TENANT;
}

/**
 * The tenant's credential: from the named file, else `$RFAAS_CREDENTIAL`, else the file `$RFAAS_CREDENTIAL_FILE`, else
 * the tenant's file in the folder of keys. Throws RFAAS_ERR_CONFIGURATION.
 */
export function environmentCredential(
  environment: Environment,
  tenant: string,
  file: string | undefined,
): Uint8Array {
  return loadKey({
    what: `credential of tenant "${tenant}"`,
    file:
      file ??
      (environment['RFAAS_CREDENTIAL'] ? undefined : environment['RFAAS_CREDENTIAL_FILE'] || undefined),
    environmentValue: environment['RFAAS_CREDENTIAL'],
    environmentName: 'RFAAS_CREDENTIAL',
    defaultFile: defaultKeyFile(environment, { tenant }),
  });
}
