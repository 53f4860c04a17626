import { RdmaError } from '../errors.ts';
import { closedError } from '../native/native-error.ts';
import type { DisconnectReason } from '../transport/endpoint.ts';

/** What an operation is told that the end of its channel forestalls. */
export function endError(reason: DisconnectReason, what: string): RdmaError {
  if (reason.kind === 'closed-locally') {
    return closedError('message channel', what);
  }
  const cause = reason.kind === 'failed' ? reason.error : undefined;
  const why = cause === undefined ? 'the peer closed it' : cause.message;
  return new RdmaError(
    'RDMA_ERR_CONNECTION_LOST',
    `cannot ${what}: the message channel ended: ${why}`,
    { operation: 'send' },
    { cause },
  );
}

/** Why a channel ends whose peer fell silent, or never said its first word. */
export function silentPeer(peerTimeoutMs: number, greeted: boolean): RdmaError {
  const what = greeted
    ? `nothing was heard of the peer of a message channel for ${peerTimeoutMs} ms (peerTimeout), though it was asked`
    : 'a peer connected and did not say hello in time (timeoutMs)';
  return new RdmaError(
    'RDMA_ERR_TIMEOUT',
    `${what}: its host or the network between is down, or its process is stopped`,
    { operation: 'receive', errno: 'ETIMEDOUT' },
  );
}

/** Whatever was thrown, as an Error. */
export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
