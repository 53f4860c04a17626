import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { equalSecrets, RfaasError } from '@rfaas/core';

/** The headers that decide whether a request is answered. */
export interface AccessHeaders {
  readonly authorization?: string | undefined;
  readonly host?: string | undefined;
  readonly origin?: string | undefined;
}

/**
 * Refuses requests without the token, requests that a browser was tricked into sending from another site (Origin), and
 * requests to a name that somebody let point here (Host): addresses, `localhost` and this host's own name are ours.
 *
 * @throws RfaasError `RFAAS_ERR_UNAUTHORISED`
 */
export function checkAccess(
  headers: AccessHeaders,
  token: string,
  ownNames: readonly string[] = [hostname()],
): void {
  const host = parseHost(headers.host);
  if (host === undefined || !isOwnName(host.hostname.replace(/^\[|\]$/g, ''), ownNames)) {
    throw unauthorised(`Host ${JSON.stringify(headers.host ?? '')} is not this server`);
  }
  if (headers.origin !== undefined && headers.origin !== `http://${host.host}`) {
    throw unauthorised(`requests from ${JSON.stringify(headers.origin)} are not answered`);
  }
  checkToken(headers.authorization ?? '', token);
}

function checkToken(authorization: string, token: string): void {
  const presented = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
  if (presented === undefined || !equalSecrets(presented, token)) {
    const problem = presented === undefined ? 'no token' : 'wrong token';
    throw unauthorised(
      `${problem}: send "Authorization: Bearer TOKEN" with the token from the server's token file`,
    );
  }
}

function isOwnName(name: string, ownNames: readonly string[]): boolean {
  return isIP(name) !== 0 || name === 'localhost' || ownNames.includes(name);
}

function unauthorised(text: string): RfaasError {
  return new RfaasError('RFAAS_ERR_UNAUTHORISED', text);
}

function parseHost(host: string | undefined): URL | undefined {
  return host !== undefined && host !== '' && URL.canParse(`http://${host}`)
    ? new URL(`http://${host}`)
    : undefined;
}
