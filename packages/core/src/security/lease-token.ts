import { createHmac, timingSafeEqual } from 'node:crypto';
import { bytes, hex, u16, u32, u64, word } from '../messages/field-types.ts';
import { nameBytes } from '../messages/lease-messages.ts';
import { defineRecord } from '../messages/record-layout.ts';
import { label } from '../messages/text-fields.ts';
import { RfaasError } from '../errors.ts';

/** `rFaT`, read as a little-endian 32-bit number: the first bytes of a lease token. */
export const tokenMagic = 0x54614672;

/** The version of the token's layout. */
export const tokenVersion = 1;

/** What a node needs to know of a lease. */
export interface Lease {
  /** Which key signed it, so that keys can be exchanged while leases run. */
  readonly keyId: number;
  readonly leaseId: string;
  /** Counts up with each renewal: of two tokens for one lease the higher one is in force. */
  readonly generation: number;
  readonly node: string;
  /** The start of the executor manager that the lease is for; 0 for any, where the node was not connected. */
  readonly incarnation: bigint;
  readonly cores: number;
  readonly memoryMiB: number;
  readonly gpus: number;
  readonly tenant: string;
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  /** Milliseconds since 1970. */
  readonly expiry: number;
}

/** How a signed lease lies in memory. */
export const tokenLayout = defineRecord({
  magic: u32,
  version: u16,
  reserved: u16,
  keyId: u32,
  leaseId: hex(16),
  generation: u32,
  node: label(nameBytes),
  incarnation: word,
  cores: u32,
  memoryMiB: u32,
  gpus: u32,
  tenant: label(nameBytes),
  notBefore: u64,
  expiry: u64,
  /** HMAC-SHA256 of everything in front of it. */
  mac: bytes(32),
});

const macOffset = tokenLayout.byteLength - 32;

/** Signs a lease for the node whose key this is. */
export function signLease(nodeKey: Uint8Array, lease: Lease): Uint8Array<ArrayBuffer> {
  const token = tokenLayout.encode({
    magic: tokenMagic,
    version: tokenVersion,
    reserved: 0,
    ...lease,
    mac: new Uint8Array(32),
  });
  token.set(macOf(nodeKey, token), macOffset);
  return token;
}

/** Where and when a lease is verified. */
export interface VerificationContext {
  readonly nodeName: string;
  /** This start of the executor manager. */
  readonly incarnation: bigint;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** How much earlier than `notBefore` a lease is accepted, for clocks that differ. Default 30,000 ms. */
  readonly skewMs?: number;
}

/** Why a lease is not accepted. */
export type LeaseRejection =
  'malformed' | 'forged' | 'other-node' | 'other-incarnation' | 'not-yet-valid' | 'expired';

/** The outcome of {@link verifyLease}. */
export type LeaseVerification =
  { readonly ok: true; readonly lease: Lease } | { readonly ok: false; readonly reason: LeaseRejection };

/** Verifies a token without asking anyone. Never throws for bytes that a peer sent. */
export function verifyLease(
  nodeKey: Uint8Array,
  token: Uint8Array,
  context: VerificationContext,
): LeaseVerification {
  if (token.byteLength !== tokenLayout.byteLength) {
    return { ok: false, reason: 'malformed' };
  }
  // Nothing in the token is looked at before its signature: only the holder of the key can have made it.
  if (!timingSafeEqual(macOf(nodeKey, token), token.subarray(macOffset))) {
    return { ok: false, reason: 'forged' };
  }
  let fields;
  try {
    fields = tokenLayout.decode(token);
  } catch (error) {
    if (error instanceof RfaasError) {
      return { ok: false, reason: 'malformed' };
    }
    throw error;
  }
  const { magic, version, reserved: _reserved, mac: _mac, ...lease } = fields;
  if (magic !== tokenMagic || version !== tokenVersion) {
    return { ok: false, reason: 'malformed' };
  }
  const reason = rejectionOf(lease, context);
  return reason === undefined ? { ok: true, lease } : { ok: false, reason };
}

/** The error for a lease that was not accepted. */
export function leaseRejectionError(reason: LeaseRejection): RfaasError {
  const explanations: Record<LeaseRejection, string> = {
    malformed: 'the lease token is damaged or of another version',
    forged: 'the lease token was not signed with the key of this node, or was altered',
    'other-node': 'the lease is for another node',
    'other-incarnation': 'the lease is for an earlier start of this node; ask for a new one',
    'not-yet-valid': 'the lease is not valid yet; do the clocks of the hosts differ?',
    expired: 'the lease has expired; ask for a new one',
  };
  const code = reason === 'expired' ? 'RFAAS_ERR_LEASE_EXPIRED' : 'RFAAS_ERR_LEASE_INVALID';
  return new RfaasError(code, explanations[reason], { details: { reason } });
}

function rejectionOf(lease: Lease, context: VerificationContext): LeaseRejection | undefined {
  if (lease.node !== context.nodeName) {
    return 'other-node';
  }
  if (lease.incarnation !== 0n && lease.incarnation !== context.incarnation) {
    return 'other-incarnation';
  }
  if (context.now < lease.notBefore - (context.skewMs ?? 30_000)) {
    return 'not-yet-valid';
  }
  return context.now >= lease.expiry ? 'expired' : undefined;
}

function macOf(nodeKey: Uint8Array, token: Uint8Array): Uint8Array {
  return createHmac('sha256', nodeKey).update(token.subarray(0, macOffset)).digest();
}
