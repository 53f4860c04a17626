import type { WorkCompletion } from './transport/work-completion.ts';

const codes = {
  RDMA_ERR_LIBRARY_NOT_FOUND: 'A native library is nowhere to be found, or does not load.',
  RDMA_ERR_LIBRARY_VERSION: 'The library below is too old for this, or has left it out since.',
  RDMA_ERR_ABI_MISMATCH: 'A native library was built from another version of the sources.',
  RDMA_ERR_DEVICE_NOT_FOUND:
    'The device, or the directory that stands for it, does not exist or cannot be used.',
  RDMA_ERR_PROVIDER_NOT_FOUND: 'libfabric has no provider of that name that works on this host.',
  RDMA_ERR_PROVIDER_UNSUITABLE: 'The fabric provider exists and cannot do what rdmalib needs.',
  RDMA_ERR_UNSUPPORTED: 'The transport cannot do this operation; its capabilities say so.',
  RDMA_ERR_CALL_FAILED: 'The library below refused a call; details.errno says with what.',
  RDMA_ERR_CONNECTION_REFUSED: 'The peer refused the connection, or nobody listens there.',
  RDMA_ERR_CONNECTION_LOST: 'The connection ended: the peer closed it, died or broke the protocol.',
  RDMA_ERR_TIMEOUT: 'The peer did not answer in time.',
  RDMA_ERR_QUEUE_FULL: 'A send or receive queue has no room; take completions first or open a deeper one.',
  RDMA_ERR_WORK_FAILED: 'A posted request completed with a status other than success.',
  RDMA_ERR_INVALID_ARGUMENT: 'The caller passed what cannot be right.',
  RDMA_ERR_CLOSED: 'The object, or what it was opened from, is closed.',
} as const;

/** A stable name for what went wrong. */
export type RdmaErrorCode = keyof typeof codes;

/** Every code an RdmaError can have, with what it means. */
export const rdmaErrorCodes: Readonly<Record<RdmaErrorCode, string>> = codes;

/** Facts about an error, for programs. */
export interface RdmaErrorDetails {
  /** The native function or the method that was attempted. */
  readonly operation?: string | undefined;
  /** The symbolic error number that came back, e.g. `EADDRINUSE`. */
  readonly errno?: string | undefined;
  /** The transport's name, e.g. `verbs`. */
  readonly transport?: string | undefined;
}

const brand = Symbol.for('@rfaas/rdmalib/error-kinds');

function kindsOf(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null) {
    return [];
  }
  const kinds: unknown = Reflect.get(value, brand);
  return Array.isArray(kinds) ? (kinds as readonly string[]) : [];
}

/**
 * Thrown when rdmalib or the library below it could not do what was asked. `instanceof` also holds between two copies
 * of this package in one process.
 */
export class RdmaError extends Error {
  /** Names the class where two copies of it must be told to be the same. */
  static readonly kind: string = 'RdmaError';
  /** For programs to branch on. */
  readonly code: RdmaErrorCode;
  /** What is known of it. */
  readonly details: RdmaErrorDetails;

  constructor(code: RdmaErrorCode, message: string, details: RdmaErrorDetails = {}, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.details = details;
    this.name = new.target.kind;
    const kinds = [...new Set([RdmaError.kind, new.target.kind])];
    Object.defineProperty(this, brand, { value: kinds, enumerable: false });
  }

  /** @internal */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return Object.hasOwn(this, 'kind')
      ? kindsOf(value).includes(this.kind)
      : Function.prototype[Symbol.hasInstance].call(this, value);
  }
}

/** Thrown by Endpoint.connect when the peer refuses or nobody listens. */
export class ConnectionRefusedError extends RdmaError {
  static override readonly kind: string = 'ConnectionRefusedError';
  /** What the peer said with its refusal; empty when nobody listens. */
  readonly privateData: Uint8Array;

  constructor(message: string, privateData: Uint8Array = new Uint8Array(0), details: RdmaErrorDetails = {}) {
    super('RDMA_ERR_CONNECTION_REFUSED', message, details);
    this.privateData = privateData;
  }
}

/** Thrown by the post methods when a queue has no room. */
export class QueueFullError extends RdmaError {
  static override readonly kind: string = 'QueueFullError';

  constructor(message: string, details: RdmaErrorDetails = {}) {
    super('RDMA_ERR_QUEUE_FULL', message, details);
  }
}

/** Thrown when the transport's capabilities do not include the operation. */
export class UnsupportedOperationError extends RdmaError {
  static override readonly kind: string = 'UnsupportedOperationError';

  constructor(message: string, details: RdmaErrorDetails = {}) {
    super('RDMA_ERR_UNSUPPORTED', message, details);
  }
}

/** Thrown by `requireSuccess` for a completion that failed. */
export class WorkFailedError extends RdmaError {
  static override readonly kind: string = 'WorkFailedError';
  /** The request that failed. */
  readonly completion: WorkCompletion;

  constructor(completion: WorkCompletion) {
    const { opcode, status, wrId, endpointId, providerError } = completion;
    const provider = providerError === 0 ? '' : `, provider error ${providerError}`;
    super(
      'RDMA_ERR_WORK_FAILED',
      `${opcode} request ${wrId} on endpoint ${endpointId} completed with ${status}${provider}: ${statusAdvice[status]}`,
      { operation: opcode },
    );
    this.completion = completion;
  }
}

/** What each status of a completion means, and what to do. */
export const statusAdvice = {
  success: 'nothing is wrong',
  'local-length-error': 'the payload is longer than the receive that it met; post larger receives',
  'local-protection-error': 'a segment lies outside its region or the region lacks the access',
  'remote-access-error': 'the range lies outside the remote memory, or its owner did not grant this access',
  'remote-operation-error': 'the remote side could not do it',
  'receiver-not-ready': 'the peer has no receive posted; it must post receives before the request is sent',
  'retry-exceeded': 'the peer does not answer; its process or host is gone, or the network between is',
  flushed: 'the endpoint was disconnected before the request ran',
  'other-error': 'see the provider error',
} as const satisfies Record<WorkCompletion['status'], string>;

/** Thrown when an argument cannot be right. */
export class InvalidArgumentError extends RdmaError {
  static override readonly kind: string = 'InvalidArgumentError';

  constructor(message: string, details: RdmaErrorDetails = {}) {
    super('RDMA_ERR_INVALID_ARGUMENT', message, details);
  }
}

/** Thrown when something is used after it was closed. */
export class ClosedError extends RdmaError {
  static override readonly kind: string = 'ClosedError';

  constructor(message: string, details: RdmaErrorDetails = {}) {
    super('RDMA_ERR_CLOSED', message, details);
  }
}
