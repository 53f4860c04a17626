import { errorMessage, RfaasError } from '@rfaas/core';
import { status, type ServiceError } from '@grpc/grpc-js';

/** Whether a member may answer what another one, or the same one a moment later, has not: nothing was wrong with the request. */
export function isPassing(error: unknown): boolean {
  const { code, details } = describe(error);
  switch (code) {
    case status.UNAVAILABLE:
    case status.DEADLINE_EXCEEDED:
    case status.CANCELLED:
    case status.ABORTED:
      return true;
    case status.RESOURCE_EXHAUSTED:
      return details.includes('too many requests');
    default:
      // A member that is shutting down, or that had to give up its leadership in the middle.
      return code === status.UNKNOWN && /leader|stopped|timed out/.test(details);
  }
}

/** Whether a new token may help: this one has passed its time, or the users of etcd have changed. */
export function isTokenOver(error: unknown): boolean {
  const { code, details } = describe(error);
  return code === status.UNAUTHENTICATED || details.includes('auth store is old');
}

/** The error that callers see: what was attempted, at which etcd, what came back, what to do. */
export function etcdError(endpoints: readonly string[], method: string, error: unknown): RfaasError {
  if (error instanceof RfaasError) {
    return error;
  }
  const { code, details } = describe(error);
  const text = `etcd at ${endpoints.join(', ')}, ${method}: ${details}`;
  return new RfaasError('RFAAS_ERR_STORE', `${text}; ${adviceFor(code, details)}`, {
    cause: error,
    details: { method, status: code === undefined ? undefined : status[code] },
  });
}

function adviceFor(code: status | undefined, details: string): string {
  if (/space exceeded/.test(details)) {
    return (
      'it is full: compact and defragment it, raise its --quota-backend-bytes if need be, and then run ' +
      '"etcdctl alarm disarm"'
    );
  }
  if (/authentication is not enabled/.test(details)) {
    return 'take "user" out of the configuration, or enable authentication in etcd';
  }
  if (/authentication failed|invalid user|user name is empty/.test(details)) {
    return 'give the user and the password that etcd knows ("user", "password_file" or RFAAS_ETCD_PASSWORD)';
  }
  if (code === status.PERMISSION_DENIED) {
    return 'the user needs a role that may read and write everything under the prefix';
  }
  return 'is it running, does it have a majority of its members, and are address and certificates right?';
}

function describe(error: unknown): { readonly code: status | undefined; readonly details: string } {
  const { code, details } = error as Partial<ServiceError>;
  return {
    code: typeof code === 'number' ? code : undefined,
    details: details === undefined || details === '' ? errorMessage(error) : details,
  };
}
