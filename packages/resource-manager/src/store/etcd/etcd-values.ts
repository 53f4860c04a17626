import { deflateSync, inflateSync } from 'node:zlib';
import { errorMessage, RfaasError } from '@rfaas/core';

/** Longer values are packed: a lease on ten thousand nodes would be longer than a request to etcd may be. */
const longestPlainBytes = 32 * 1024;

/** The first byte of what zlib packs (RFC 1950); no JSON text begins with it. */
const packedMark = 0x78;

/** The value of a row as it is in etcd: JSON, packed if it is long. */
export function encodeValue(text: string): Uint8Array {
  const plain = Buffer.from(text);
  return plain.byteLength <= longestPlainBytes ? plain : deflateSync(plain);
}

/** What {@link encodeValue} made. @throws RfaasError `RFAAS_ERR_STORE` */
export function decodeValue(key: string, value: Buffer): string {
  if (value[0] !== packedMark) {
    return value.toString();
  }
  try {
    return inflateSync(value).toString();
  } catch (error) {
    throw new RfaasError(
      'RFAAS_ERR_STORE',
      `the value of "${key}" in etcd is damaged (${errorMessage(error)}); restore a snapshot of etcd`,
      { cause: error, details: { key } },
    );
  }
}
