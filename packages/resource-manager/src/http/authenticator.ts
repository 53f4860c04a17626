import { equalSecrets, RfaasError } from '@rfaas/core';
import { bearerToken, verifyHttpToken, type HttpCaller } from '@rfaas/core/http';

/** What tokens are checked against. */
export interface AuthenticatorOptions {
  /** The token in the server's token file. */
  readonly operatorToken: string;
  readonly clusterKey: Uint8Array;
}

const operator: HttpCaller = { role: 'operator', name: '' };

/** Says who a request comes from. */
export type Authenticate = (authorization: string | undefined) => HttpCaller;

/** Takes every request for the operator's: `--insecure`. */
export const trustEverybody: Authenticate = () => operator;

/**
 * Knows callers by their bearer tokens: the operator's from its file, those of nodes, tenants and monitors because the cluster
 * key makes the same ones. What it returns throws RfaasError `RFAAS_ERR_UNAUTHORISED`.
 */
export function createAuthenticator({ operatorToken, clusterKey }: AuthenticatorOptions): Authenticate {
  return (authorization) => {
    const token = bearerToken(authorization);
    const caller =
      token !== undefined && equalSecrets(token, operatorToken)
        ? operator
        : verifyHttpToken(token ?? '', clusterKey);
    if (caller === undefined) {
      const problem = token === undefined ? 'no token' : 'wrong token';
      throw new RfaasError(
        'RFAAS_ERR_UNAUTHORISED',
        `${problem}: send "Authorization: Bearer TOKEN" with the token from the server's token file, or one that "rfaas-resource-manager keys token" prints`,
      );
    }
    return caller;
  };
}
