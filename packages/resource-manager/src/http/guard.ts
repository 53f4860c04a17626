import { RfaasError } from '@rfaas/core';
import { checkHostAndOrigin, type HttpCaller, type HttpRole } from '@rfaas/core/http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { LeaseView } from '../cluster/cluster-view.ts';
import type { Authenticate } from './authenticator.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Which roles a route answers; default: the operator only. `public` answers without a token. */
    roles?: readonly HttpRole[] | 'public';
  }
  interface FastifyRequest {
    /** Who asks; set before a handler runs, but for public routes. */
    caller: HttpCaller;
  }
}

/** Every role: for routes that show each caller what is its own. */
export const everyRole: readonly HttpRole[] = ['operator', 'monitor', 'node', 'tenant'];

/** Whether a caller has used up what it may ask for now, and for how long. */
export type CheckRate = (request: FastifyRequest) => Promise<{ readonly waitSeconds: number }>;

/** What the guard decides by. */
export interface GuardOptions {
  readonly authenticate: Authenticate;
  readonly checkRate: CheckRate;
  readonly scheme: 'http' | 'https';
  /** Names that this host is reached by, besides its addresses. `undefined`: any (`--insecure`). */
  readonly hostNames: readonly string[] | undefined;
}

/** What {@link CheckRate} counts by: the caller, or the address of one that has no token. */
export function rateKey({ caller, ip }: FastifyRequest): string {
  return isKnown(caller) ? `${caller.role}/${caller.name}` : ip;
}

/**
 * What every request passes before anything else is read of it: Host and Origin, token, rate, role.
 *
 * @returns a hook that throws RfaasError: `RFAAS_ERR_FORBIDDEN`, `RFAAS_ERR_UNAUTHORISED`, `RFAAS_ERR_RATE_LIMITED`
 */
export function createGuard({
  authenticate,
  checkRate,
  scheme,
  hostNames,
}: GuardOptions): (request: FastifyRequest, reply: FastifyReply) => Promise<void> {
  return async (request, reply) => {
    if (hostNames !== undefined) {
      checkHostAndOrigin(request.headers, scheme, hostNames);
    }
    // A 404 has no route and tells only callers with a token that it is one.
    const roles = request.is404 ? everyRole : (request.routeOptions.config.roles ?? ['operator']);
    const failure = roles === 'public' ? undefined : identify(request, authenticate);
    const { waitSeconds } = await checkRate(request);
    if (waitSeconds > 0) {
      void reply.header('retry-after', waitSeconds);
      throw new RfaasError('RFAAS_ERR_RATE_LIMITED', `too many requests; ask again in ${waitSeconds} s`);
    }
    if (failure !== undefined) {
      throw failure;
    }
    if (roles !== 'public' && !roles.includes(request.caller.role)) {
      throw new RfaasError(
        'RFAAS_ERR_FORBIDDEN',
        `the token of a ${request.caller.role} is not enough for this: ${roles.join(' or ')} may do it`,
      );
    }
  };
}

/** Keeps nodes from changing each other. @throws RfaasError `RFAAS_ERR_FORBIDDEN` */
export function checkOwnNode({ role, name }: HttpCaller, node: string): void {
  if (role === 'node' && name !== node) {
    throw new RfaasError(
      'RFAAS_ERR_FORBIDDEN',
      `the token of node "${name}" is not enough for node "${node}"`,
    );
  }
}

/** Whether a caller may know of a lease. */
export function maySeeLease({ role, name }: HttpCaller, { tenant, shares }: LeaseView): boolean {
  return (
    (role !== 'tenant' || name === tenant) && (role !== 'node' || shares.some(({ node }) => node === name))
  );
}

function identify(request: FastifyRequest, authenticate: Authenticate): RfaasError | undefined {
  try {
    request.caller = authenticate(request.headers.authorization);
    return undefined;
  } catch (error) {
    if (!(error instanceof RfaasError)) {
      throw error;
    }
    // Kept until the rate is checked: whoever guesses is slowed down too.
    return error;
  }
}

// Public routes, and requests without a good token, have no caller.
function isKnown(caller: HttpCaller | null): caller is HttpCaller {
  return caller !== null;
}
