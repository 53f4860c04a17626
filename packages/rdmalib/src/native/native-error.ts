import { getSystemErrorName } from 'node:util';
import {
  ClosedError,
  ConnectionRefusedError,
  InvalidArgumentError,
  QueueFullError,
  RdmaError,
  UnsupportedOperationError,
  type RdmaErrorCode,
  type RdmaErrorDetails,
} from '../errors.ts';

/** What a person can do about an error number, where it is not plain from the text. */
const remedies: Readonly<Record<string, string>> = {
  EADDRINUSE: 'choose another port, or 0 and let the system choose',
  EMFILE: 'raise the limit of open files (ulimit -n) or close what is not needed',
  ENFILE: 'the whole system ran out of descriptors',
  ENOMEM: 'free memory, or allocate less',
  ENOBUFS: 'take completions from the queue first, or open the endpoint with deeper queues',
  EBUSY: 'close the endpoints that use it first',
  EACCES: 'check who owns it and what was granted',
  ETIMEDOUT: 'check that the peer runs and answers, or allow more time',
  ECONNREFUSED: 'check that the server runs and that the address is the one it announced',
  ENOTCONN: 'connect first; a connection that ended needs a new endpoint',
};

const codes: Readonly<Record<string, RdmaErrorCode>> = {
  ENODEV: 'RDMA_ERR_DEVICE_NOT_FOUND',
  ENETDOWN: 'RDMA_ERR_DEVICE_NOT_FOUND',
  ENXIO: 'RDMA_ERR_PROVIDER_NOT_FOUND',
  EPROTONOSUPPORT: 'RDMA_ERR_PROVIDER_UNSUITABLE',
  ELIBACC: 'RDMA_ERR_LIBRARY_VERSION',
  ETIMEDOUT: 'RDMA_ERR_TIMEOUT',
  ENOTCONN: 'RDMA_ERR_CONNECTION_LOST',
  ECONNRESET: 'RDMA_ERR_CONNECTION_LOST',
  EPIPE: 'RDMA_ERR_CONNECTION_LOST',
  EPROTO: 'RDMA_ERR_CONNECTION_LOST',
};

/** What Node.js has no name for. */
const furtherNames: Readonly<Record<number, string>> = { [-79]: 'ELIBACC' };

/** The symbolic name of a negative errno, e.g. `EADDRINUSE`. */
export function errnoName(result: number): string {
  return furtherNames[result] ?? getSystemErrorName(result);
}

/** The error that a native function's negative errno stands for. `text` says what was attempted and what came back. */
export function nativeError(result: number, text: string, details: RdmaErrorDetails): RdmaError {
  const errno = errnoName(result);
  const facts = { ...details, errno };
  const message = describe(text === '' ? `${details.operation ?? 'a native call'} failed` : text, errno);
  switch (errno) {
    case 'EINVAL':
    case 'EMSGSIZE':
    case 'ERANGE':
      return new InvalidArgumentError(message, facts);
    case 'ENOBUFS':
      return new QueueFullError(message, facts);
    case 'ENOTSUP': // also EOPNOTSUPP, which has the same number on Linux
      return new UnsupportedOperationError(message, facts);
    case 'ECONNREFUSED':
      return new ConnectionRefusedError(message, new Uint8Array(0), facts);
    default:
      return new RdmaError(codes[errno] ?? 'RDMA_ERR_CALL_FAILED', message, facts);
  }
}

/** What happened, with its errno and what to do, where the text does not say that itself after a semicolon. */
function describe(said: string, errno: string): string {
  const remedy = said.includes(';') ? undefined : remedies[errno];
  const named = said.includes(errno) ? said : `${said} (${errno})`;
  return remedy === undefined ? named : `${named}; ${remedy}`;
}

/** The error for using something after its close. */
export function closedError(what: string, operation: string): ClosedError {
  return new ClosedError(`cannot ${operation}: the ${what} is closed`, { operation });
}
