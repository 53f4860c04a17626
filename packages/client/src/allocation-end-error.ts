import { RfaasError, type AllocationEnded, type RfaasErrorCode } from '@rfaas/core';
import type { AllocationEnd } from './executor-manager-session.ts';

/** What callers are told when their executor ended without their doing; `seen` is what this side noticed itself. */
export function executorEndError(end: AllocationEnd | undefined, node: string, seen: string): RfaasError {
  if (end === undefined) {
    return lost(node, `${seen}; its manager did not say why`, {});
  }
  if (end.kind === 'manager-lost') {
    return new RfaasError(
      'RFAAS_ERR_EXECUTOR_LOST',
      `executor on node ${node} was lost with its manager: ${end.error.message}`,
      {
        cause: end.error,
        details: { node },
      },
    );
  }
  const { message } = end;
  const details = { reason: message.reason, signal: message.signal, exitCode: message.exitCode };
  if (message.reason === 'lease-expired') {
    return new RfaasError(
      'RFAAS_ERR_LEASE_EXPIRED',
      `the lease on node ${node} expired and its executor was ended; take a new lease`,
      { details: { ...details, node } },
    );
  }
  return lost(node, describeAllocationEnd(message), details);
}

/** What the caller of `allocate` is told when the executor ended before it was ready. */
export function allocationFailedError(end: AllocationEnd, node: string, packageName: string): RfaasError {
  const what = `allocation on node ${node} failed while starting an executor for ${packageName}`;
  if (end.kind === 'manager-lost') {
    return new RfaasError('RFAAS_ERR_MANAGER_LOST', `${what}: ${end.error.message}`, { cause: end.error });
  }
  const { message } = end;
  const code: RfaasErrorCode =
    message.reason === 'lease-expired' ? 'RFAAS_ERR_LEASE_EXPIRED' : 'RFAAS_ERR_ALLOCATION_FAILED';
  return new RfaasError(code, `${what}: ${describeAllocationEnd(message)}`, {
    details: { node, reason: message.reason, signal: message.signal, exitCode: message.exitCode },
  });
}

/** In words: how an executor process ended. */
export function describeAllocationEnd({ reason, signal, exitCode, text }: AllocationEnded): string {
  const more = text === '' ? '' : ` (${text})`;
  switch (reason) {
    case 'deallocated':
      return `it was deallocated${more}`;
    case 'lease-expired':
      return `the lease expired${more}`;
    case 'crashed':
      return `it was killed by ${signal === '' ? 'a signal' : signal}${more}`;
    case 'exited':
      return `it exited with status ${exitCode}${more}`;
    case 'client-gone':
      return `its manager took this client for gone${more}`;
    case 'manager-stopping':
      return `its manager is stopping${more}`;
    case 'start-failed':
      return `it could not be started${more}`;
  }
}

function lost(node: string, how: string, details: Record<string, string | number>): RfaasError {
  return new RfaasError('RFAAS_ERR_EXECUTOR_LOST', `executor on node ${node} was lost: ${how}`, {
    details: { ...details, node },
  });
}
