import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { RfaasError } from '../errors.ts';

/** The headers that tell which server a request is meant for, and which page sent it. */
export interface AccessHeaders {
  readonly host?: string | undefined;
  readonly origin?: string | undefined;
}

/**
 * Refuses requests that a browser was tricked into sending from another site (Origin), and requests to a name that somebody
 * let point here (Host): addresses, `localhost` and this host's own name are ours.
 *
 * @throws RfaasError `RFAAS_ERR_FORBIDDEN`
 */
export function checkHostAndOrigin(
  headers: AccessHeaders,
  scheme: 'http' | 'https',
  ownNames: readonly string[] = [hostname()],
): void {
  const host = parseHost(headers.host);
  if (host === undefined || !isOwnName(host.hostname.replace(/^\[|\]$/g, ''), ownNames)) {
    throw new RfaasError(
      'RFAAS_ERR_FORBIDDEN',
      `Host ${JSON.stringify(headers.host ?? '')} is not this server`,
    );
  }
  // Whichever port the host names: a browser leaves out the default one.
  if (
    headers.origin !== undefined &&
    headers.origin !== new URL(`${scheme}://${headers.host ?? ''}`).origin
  ) {
    throw new RfaasError(
      'RFAAS_ERR_FORBIDDEN',
      `requests from ${JSON.stringify(headers.origin)} are not answered`,
    );
  }
}

/** The token of an `Authorization: Bearer TOKEN` header. */
export function bearerToken(authorization: string | undefined): string | undefined {
  return /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
}

function isOwnName(name: string, ownNames: readonly string[]): boolean {
  return isIP(name) !== 0 || name === 'localhost' || ownNames.includes(name);
}

function parseHost(host: string | undefined): URL | undefined {
  return host !== undefined && host !== '' && URL.canParse(`http://${host}`)
    ? new URL(`http://${host}`)
    : undefined;
}
