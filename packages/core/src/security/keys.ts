import { createCipheriv, createDecipheriv, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import { RfaasError } from '../errors.ts';

/** Bytes of every key. */
export const keyBytes = 32;

/** Bytes that {@link seal} adds: a nonce of 12 and a tag of 16. */
export const sealBytes = 28;

/** A new random key. */
export function generateKey(): Uint8Array {
  return new Uint8Array(randomBytes(keyBytes));
}

/** A new random identifier of 16 bytes, as 32 hexadecimal digits: leases, allocations, secrets. */
export function generateId(): string {
  return randomBytes(16).toString('hex');
}

/** The key that an executor manager holds: it verifies leases for its node, and forges none for others. */
export function deriveNodeKey(clusterKey: Uint8Array, nodeName: string): Uint8Array {
  return derive(clusterKey, 'node', nodeName);
}

/** The credential with which a tenant asks the resource manager for leases. */
export function deriveTenantCredential(clusterKey: Uint8Array, tenant: string): Uint8Array {
  return derive(clusterKey, 'tenant', tenant);
}

/** The key whose possession a client proves to an executor manager to use a lease. */
export function deriveLeaseKey(nodeKey: Uint8Array, leaseId: string, generation: number): Uint8Array {
  return derive(nodeKey, 'lease', `${leaseId}:${generation}`);
}

/** HKDF-SHA256 (RFC 5869) without salt; `purpose` and `subject` keep keys for different things apart. */
export function derive(key: Uint8Array, purpose: string, subject: string | Uint8Array): Uint8Array {
  if (key.byteLength !== keyBytes) {
    throw new RfaasError('RFAAS_ERR_USAGE', `a key has ${keyBytes} bytes, not ${key.byteLength}`);
  }
  const info = Buffer.concat([Buffer.from(`rfaas ${purpose}\0`), Buffer.from(subject)]);
  return new Uint8Array(hkdfSync('sha256', key, new Uint8Array(0), info, keyBytes));
}

/** Encrypts and authenticates `plain` (AES-256-GCM); `context` is authenticated too and must be the same for {@link open}. */
export function seal(key: Uint8Array, plain: Uint8Array, context = ''): Uint8Array {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(Buffer.from(context));
  return new Uint8Array(Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]));
}

/**
 * Decrypts what {@link seal} made.
 *
 * @throws RfaasError `RFAAS_ERR_UNAUTHORISED` for another key, another context, or altered bytes
 */
export function open(key: Uint8Array, sealed: Uint8Array, context = ''): Uint8Array {
  if (sealed.byteLength < sealBytes) {
    throw new RfaasError('RFAAS_ERR_UNAUTHORISED', `sealed value of ${sealed.byteLength} bytes is too short`);
  }
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12), { authTagLength: 16 });
  decipher.setAAD(Buffer.from(context));
  decipher.setAuthTag(sealed.subarray(-16));
  try {
    return new Uint8Array(Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]));
  } catch (error) {
    throw new RfaasError('RFAAS_ERR_UNAUTHORISED', 'sealed value does not open with this key', {
      cause: error,
    });
  }
}

/** Compares two secrets in a time that tells nothing about where they differ. */
export function equalSecrets(a: string | Uint8Array, b: string | Uint8Array): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.byteLength === right.byteLength && timingSafeEqual(left, right);
}
