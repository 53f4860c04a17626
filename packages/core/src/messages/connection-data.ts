import { RfaasError } from '../errors.ts';
import { protocolVersion } from './envelope.ts';
import { bytes, hex, u16, u32 } from './field-types.ts';
import { defineRecord, viewOf } from './record-layout.ts';

/** `rFaS`, read as a little-endian 32-bit number: the first bytes of a connection's private data. */
export const connectionMagic = 0x53614672;

/** Bytes of private data with which a connection is asked for. */
export const connectionDataBytes = 48;

/** Who connects to whom; the numbers on the wire count from 1 in this order. */
export const connectionRoles = [
  'client-to-resource-manager',
  'executor-manager-to-resource-manager',
  'client-to-executor-manager',
  'executor-to-client',
  'executor-thread-to-client',
  'executor-to-executor-manager',
  'executor-thread-to-executor-manager',
] as const;

/** Who connects to whom. */
export type ConnectionRole = (typeof connectionRoles)[number];

/** Sixteen zero bytes as an identifier: "none". */
export const noId = '0'.repeat(32);

/** Why a connection was rejected; the numbers on the wire count from 1 in this order. */
export const rejectionReasons = ['version', 'role', 'unauthorised', 'garbage', 'busy'] as const;

/** Why a connection was rejected. */
export type RejectionReason = (typeof rejectionReasons)[number];

/** The private data of a connection. */
export interface ConnectionData {
  readonly role: ConnectionRole;
  /** The allocation, for the executor's connections. */
  readonly id: string;
  /** The secret of that allocation. */
  readonly secret: string;
  readonly threadIndex: number;
}

/** How {@link ConnectionData} lies in the private data. */
export const connectionLayout = defineRecord({
  magic: u32,
  version: u16,
  role: u16,
  id: hex(16),
  secret: hex(16),
  threadIndex: u32,
  reserved: u32,
});

/** How a rejection lies in the private data. */
export const rejectionLayout = defineRecord({
  magic: u32,
  version: u16,
  reason: u16,
  reserved: bytes(8),
});

/** The private data with which to ask for a connection. */
export function encodeConnectionData(
  data: Pick<ConnectionData, 'role'> & Partial<ConnectionData>,
): Uint8Array<ArrayBuffer> {
  return connectionLayout.encode({
    magic: connectionMagic,
    version: protocolVersion,
    role: connectionRoles.indexOf(data.role) + 1,
    id: data.id ?? noId,
    secret: data.secret ?? noId,
    threadIndex: data.threadIndex ?? 0,
    reserved: 0,
  });
}

/** What private data turned out to be: a connection of this protocol, or why to reject it. */
export type DecodedConnectionData =
  | { readonly ok: true; readonly data: ConnectionData }
  | { readonly ok: false; readonly reason: RejectionReason; readonly text: string };

/** Reads private data, which may be longer than it was sent: transports pad with zeros. Never throws. */
export function decodeConnectionData(privateData: Uint8Array): DecodedConnectionData {
  if (
    privateData.byteLength < connectionDataBytes ||
    privateData.subarray(connectionDataBytes).some((b) => b !== 0)
  ) {
    return { ok: false, reason: 'garbage', text: `${privateData.byteLength} bytes of private data` };
  }
  const fields = connectionLayout.read(viewOf(privateData), 0);
  if (fields.magic !== connectionMagic) {
    return { ok: false, reason: 'garbage', text: `private data begins with 0x${fields.magic.toString(16)}` };
  }
  if (fields.version !== protocolVersion) {
    return {
      ok: false,
      reason: 'version',
      text: `peer has version ${fields.version}, this side ${protocolVersion}`,
    };
  }
  const role = connectionRoles[fields.role - 1];
  if (role === undefined) {
    return { ok: false, reason: 'role', text: `no role has number ${fields.role}` };
  }
  if (fields.reserved !== 0) {
    return { ok: false, reason: 'garbage', text: 'reserved bytes are set' };
  }
  const { id, secret, threadIndex } = fields;
  return { ok: true, data: { role, id, secret, threadIndex } };
}

/** The private data with which to reject a connection. */
export function encodeRejection(reason: RejectionReason): Uint8Array<ArrayBuffer> {
  return rejectionLayout.encode({
    magic: connectionMagic,
    version: protocolVersion,
    reason: rejectionReasons.indexOf(reason) + 1,
    reserved: new Uint8Array(8),
  });
}

/** A rejection as the peer sent it. */
export interface Rejection {
  /** The version that the peer speaks. */
  readonly version: number;
  readonly reason: RejectionReason;
}

/** Reads a rejection; `undefined` if the private data is none of ours, as when no rFaaS listens there. */
export function decodeRejection(privateData: Uint8Array): Rejection | undefined {
  if (privateData.byteLength < rejectionLayout.byteLength) {
    return undefined;
  }
  const fields = rejectionLayout.read(viewOf(privateData), 0);
  const reason = rejectionReasons[fields.reason - 1];
  return fields.magic === connectionMagic && reason !== undefined
    ? { version: fields.version, reason }
    : undefined;
}

/** The error for a connection that was rejected with `privateData`; `what` says what was attempted, on what. */
export function rejectionError(what: string, privateData: Uint8Array, cause?: unknown): RfaasError {
  const rejection = decodeRejection(privateData);
  const options = { cause, details: { rejection: rejection?.reason, peerVersion: rejection?.version } };
  switch (rejection?.reason) {
    case 'version':
      return new RfaasError(
        'RFAAS_ERR_VERSION',
        `${what}: the peer speaks protocol version ${rejection.version}, this side ${protocolVersion}; use the same release on both`,
        options,
      );
    case 'unauthorised':
      return new RfaasError(
        'RFAAS_ERR_UNAUTHORISED',
        `${what}: the peer does not know this secret or identifier`,
        options,
      );
    case 'busy':
      return new RfaasError(
        'RFAAS_ERR_BUSY',
        `${what}: the peer has no room for another connection; try again`,
        options,
      );
    case 'role':
    case 'garbage':
      return new RfaasError(
        'RFAAS_ERR_PROTOCOL',
        `${what}: the peer serves no such connection; is it the right port?`,
        options,
      );
    case undefined:
      return new RfaasError(
        'RFAAS_ERR_PROTOCOL',
        `${what}: rejected, and not by rFaaS; is it the right port?`,
        options,
      );
  }
}
