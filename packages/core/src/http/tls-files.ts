import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { errorMessage, RfaasError } from '../errors.ts';
import { readSecretFile } from '../security/key-files.ts';
import type { TlsFiles } from './limited-server.ts';

/** The configuration's `http_tls_cert_file` and `http_tls_key_file`. */
export interface TlsSettings {
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
}

/**
 * Reads certificate and key and checks that they belong together. `undefined` if neither is named: plain HTTP.
 *
 * @throws RfaasError `RFAAS_ERR_CONFIGURATION`
 */
export function readTlsFiles({ certFile, keyFile }: TlsSettings): TlsFiles | undefined {
  if (certFile === undefined && keyFile === undefined) {
    return undefined;
  }
  if (certFile === undefined || keyFile === undefined) {
    throw new RfaasError(
      'RFAAS_ERR_CONFIGURATION',
      'HTTPS needs both "http_tls_cert_file" and "http_tls_key_file"',
    );
  }
  const files = { cert: readCertificate(certFile), key: readSecretFile(keyFile, 'TLS key') };
  try {
    createSecureContext(files);
  } catch (error) {
    throw new RfaasError(
      'RFAAS_ERR_CONFIGURATION',
      `${certFile} and ${keyFile} are no certificate with its key: ${errorMessage(error)}`,
      { cause: error },
    );
  }
  return files;
}

function readCertificate(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new RfaasError('RFAAS_ERR_CONFIGURATION', `cannot read TLS certificate: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}
