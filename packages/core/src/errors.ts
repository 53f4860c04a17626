import { hideCredentials } from './config/hide-credentials.ts';

/** What is fixed about an error code: its number in `refused` messages, its HTTP status, and when it is thrown. */
export interface RfaasErrorDescription {
  /** The number that stands for the code on the wire, in the message `refused`. */
  readonly wire: number;
  /** The status of an HTTP answer that reports this error. */
  readonly httpStatus: number;
  /** One sentence: when it is thrown. */
  readonly summary: string;
}

/** Every error code of rFaaS. `docs/errors.md` says more about each, and a test compares the two. */
export const rfaasErrors = {
  RFAAS_ERR_CONFIGURATION: describe(1, 500, 'A configuration file is missing, unreadable or not valid.'),
  RFAAS_ERR_USAGE: describe(2, 400, 'A command or an API call was used wrongly.'),
  RFAAS_ERR_PROTOCOL: describe(3, 400, 'A peer sent bytes that are no valid message, or not at this point.'),
  RFAAS_ERR_VERSION: describe(4, 505, 'A peer speaks another version of the protocol.'),
  RFAAS_ERR_UNAUTHORISED: describe(5, 401, 'A key, credential, token or lease was not accepted.'),
  RFAAS_ERR_NO_CAPACITY: describe(6, 503, 'No node has the cores, memory or GPUs that were asked for.'),
  RFAAS_ERR_LEASE_UNKNOWN: describe(7, 404, 'No lease with this identifier is open.'),
  RFAAS_ERR_LEASE_INVALID: describe(8, 403, 'A lease is forged, altered, for another node or not valid yet.'),
  RFAAS_ERR_LEASE_EXPIRED: describe(9, 403, 'A lease is past its expiry.'),
  RFAAS_ERR_LEASE_TERMINATED: describe(10, 410, 'A lease was released or ended before its expiry.'),
  RFAAS_ERR_ALLOCATION_FAILED: describe(11, 500, 'An executor could not be started or did not get ready.'),
  RFAAS_ERR_ALLOCATION_UNKNOWN: describe(12, 404, 'No allocation with this identifier is running.'),
  RFAAS_ERR_FUNCTION_NOT_FOUND: describe(13, 404, 'The function package has no function of this name.'),
  RFAAS_ERR_FUNCTION_FAILED: describe(
    14,
    500,
    'The function threw, rejected or returned an impossible length.',
  ),
  RFAAS_ERR_PACKAGE: describe(15, 422, 'A function package is damaged, of another kind, or does not load.'),
  RFAAS_ERR_INPUT_TOO_LARGE: describe(16, 413, 'An input is larger than the slot of the executor.'),
  RFAAS_ERR_OUTPUT_TOO_LARGE: describe(17, 413, 'An output is larger than the buffer made for it.'),
  RFAAS_ERR_EXECUTOR_LOST: describe(18, 502, 'The executor process ended or its connection broke.'),
  RFAAS_ERR_MANAGER_LOST: describe(19, 502, 'The connection to a manager broke.'),
  RFAAS_ERR_DEADLINE: describe(20, 504, 'The deadline passed before an answer came.'),
  RFAAS_ERR_ABORTED: describe(21, 499, 'The caller aborted the operation.'),
  RFAAS_ERR_CLOSED: describe(22, 409, 'The object was closed before the call.'),
  RFAAS_ERR_BUSY: describe(23, 503, 'Every slot or connection is in use.'),
  RFAAS_ERR_NODE_EXISTS: describe(24, 409, 'A node of this name is there already.'),
  RFAAS_ERR_NODE_UNKNOWN: describe(25, 404, 'No node has this name.'),
  RFAAS_ERR_NODE_LOST: describe(26, 502, 'The connection to a node broke.'),
  RFAAS_ERR_ADDRESS_IN_USE: describe(27, 500, 'The address to listen on is taken or cannot be used.'),
  RFAAS_ERR_UNSUPPORTED: describe(28, 501, 'This build or this transport cannot do what was asked.'),
  RFAAS_ERR_INTERNAL: describe(29, 500, 'Something failed that should not; please report it.'),
  RFAAS_ERR_FORBIDDEN: describe(30, 403, 'Who asks is known, or comes from elsewhere, and may not do this.'),
  RFAAS_ERR_RATE_LIMITED: describe(31, 429, 'More requests came from one caller than the server takes.'),
  RFAAS_ERR_STORE: describe(32, 503, 'The state of the cluster could not be stored, or cannot be read.'),
  RFAAS_ERR_NOT_LEADER: describe(33, 503, 'Another resource manager serves the cluster now.'),
  RFAAS_ERR_QUOTA: describe(34, 403, 'A tenant would have more than it may.'),
} as const satisfies Record<string, RfaasErrorDescription>;

function describe(wire: number, httpStatus: number, summary: string): RfaasErrorDescription {
  return { wire, httpStatus, summary };
}

/** A stable code that programs may branch on. */
export type RfaasErrorCode = keyof typeof rfaasErrors;

/** Facts about an error, for programs and logs: never prose, never secrets. */
export type RfaasErrorDetails = Readonly<Record<string, string | number | boolean | undefined>>;

/** What an {@link RfaasError} may be made with. */
export interface RfaasErrorOptions {
  readonly details?: RfaasErrorDetails;
  readonly cause?: unknown;
}

const brand = Symbol.for('@rfaas/core.RfaasError');

/** Thrown when rFaaS could not do what was asked. `instanceof` also holds across two copies of this package. */
export class RfaasError extends Error {
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && brand in value;
  }

  override readonly name: string = 'RfaasError';
  readonly [brand] = true;
  readonly code: RfaasErrorCode;
  readonly details: RfaasErrorDetails;

  constructor(code: RfaasErrorCode, message: string, options: RfaasErrorOptions = {}) {
    // Messages name URLs, and reach logs and terminals that are not this program's.
    super(hideCredentials(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }

  /** The status of an HTTP answer that reports this error. */
  get httpStatus(): number {
    return rfaasErrors[this.code].httpStatus;
  }
}

const codesByWire = new Map<number, RfaasErrorCode>(
  Object.entries(rfaasErrors).map(([code, { wire }]) => [wire, code as RfaasErrorCode]),
);

/** The number that stands for `code` in the message `refused`. */
export function refusalNumber(code: RfaasErrorCode): number {
  return rfaasErrors[code].wire;
}

/** The code that a peer's number stands for; `RFAAS_ERR_INTERNAL` for a number that this version does not know. */
export function refusalCode(wire: number): RfaasErrorCode {
  return codesByWire.get(wire) ?? 'RFAAS_ERR_INTERNAL';
}

/** The message body of `refused` for an error: anything that is no {@link RfaasError} becomes `RFAAS_ERR_INTERNAL`. */
export function refusalOf(error: unknown): { readonly code: number; readonly text: string } {
  const code = error instanceof RfaasError ? error.code : 'RFAAS_ERR_INTERNAL';
  return { code: refusalNumber(code), text: errorMessage(error) };
}

/** The error that a peer's `refused` stands for. */
export function refusalError(refusal: { readonly code: number; readonly text: string }): RfaasError {
  return new RfaasError(refusalCode(refusal.code), refusal.text, { details: { refusedByPeer: true } });
}

/** What a thrown value says, whatever it is. Works for errors of other realms too, which are no `instanceof Error`. */
export function errorMessage(error: unknown): string {
  const message = propertyOf(error, 'message');
  return typeof message === 'string' ? message : String(error);
}

/** The code of a thrown value, such as `ENOENT`, `RDMA_ERR_TIMEOUT` or `RFAAS_ERR_USAGE`, if it has one. */
export function errorCode(error: unknown): string | undefined {
  const code = propertyOf(error, 'code');
  return typeof code === 'string' ? code : undefined;
}

function propertyOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && name in value
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}
