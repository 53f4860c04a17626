import {
  createSecretFile,
  formatKey,
  generateKey,
  readSecretFile,
  RfaasError,
  stateDirectory,
  type Environment,
} from '@rfaas/core';
import { isLoopback } from '@rfaas/core/http';
import { join } from 'node:path';

/** How the HTTP interface is protected. */
export interface HttpToken {
  /** `undefined`: every request is answered. */
  readonly token: string | undefined;
  /** The file that it is in, if it came from one. */
  readonly file: string | undefined;
}

/** What decides where the token comes from. */
export interface HttpTokenOptions {
  /** The address that the HTTP server listens on. */
  readonly address: string;
  /** The token file that the user named. */
  readonly file: string | undefined;
  readonly insecure: boolean;
  readonly env: Environment;
}

/** Texts shorter than this can be guessed. */
const shortestToken = 16;

/**
 * The operator's token of the HTTP interface: from `RFAAS_HTTP_TOKEN`, else from the named file, else from a file in the user's
 * state folder. A file that is not there is made.
 *
 * @throws RfaasError `RFAAS_ERR_CONFIGURATION` for an address that others can reach, if no token was named
 */
export function provideHttpToken({ address, file, insecure, env }: HttpTokenOptions): HttpToken {
  if (insecure) {
    return { token: undefined, file: undefined };
  }
  const fromEnvironment = env['RFAAS_HTTP_TOKEN'];
  if (fromEnvironment !== undefined && fromEnvironment !== '') {
    return { token: checkToken(fromEnvironment, 'RFAAS_HTTP_TOKEN'), file: undefined };
  }
  if (file === undefined && !isLoopback(address)) {
    throw new RfaasError(
      'RFAAS_ERR_CONFIGURATION',
      `HTTP on ${address} can be reached from other hosts and has no token: set "http_token_file" in the configuration or RFAAS_HTTP_TOKEN, listen on 127.0.0.1, or waive protection with --insecure`,
      { details: { address } },
    );
  }
  const path = file ?? join(stateDirectory(env), 'http.token');
  createSecretFile(path, formatKey(generateKey()), 'HTTP token');
  return { token: checkToken(readSecretFile(path, 'HTTP token').trim(), path), file: path };
}

function checkToken(token: string, origin: string): string {
  if (token.length < shortestToken || /\s/.test(token)) {
    throw new RfaasError(
      'RFAAS_ERR_CONFIGURATION',
      `the HTTP token in ${origin} must have at least ${shortestToken} characters and no white space`,
    );
  }
  return token;
}
