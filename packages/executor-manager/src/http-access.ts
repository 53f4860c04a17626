import { readSecretFile, RfaasError } from '@rfaas/core';
import { nodeHttpToken, readTlsFiles } from '@rfaas/core/http';
import type { TlsFiles } from '@rfaas/core/http';
import type { Settings } from './settings.ts';

/** The tokens that the HTTP interface takes, and where the certificate is; see `http_*` in the configuration. */
export interface HttpAccess {
  readonly tokens: readonly string[] | undefined;
  readonly tls: TlsFiles | undefined;
}

/** Reads what the settings name. Throws RfaasError `RFAAS_ERR_CONFIGURATION`. */
export function loadHttpAccess({ http, nodeName }: Settings, nodeKey: Uint8Array): HttpAccess {
  const tls = readTlsFiles(http.tls);
  if (http.insecure) {
    return { tokens: undefined, tls };
  }
  const own = nodeHttpToken(nodeKey, nodeName);
  const named = http.tokenFile === undefined ? [] : [readSecretFile(http.tokenFile, 'HTTP token').trim()];
  if (named.some((token) => token.length < 16)) {
    throw new RfaasError(
      'RFAAS_ERR_CONFIGURATION',
      `the HTTP token in ${http.tokenFile} must have at least 16 characters`,
    );
  }
  return { tokens: [own, ...named], tls };
}
