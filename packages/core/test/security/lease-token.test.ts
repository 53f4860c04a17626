import { describe, expect, test } from '@jest/globals';
import {
  deriveNodeKey,
  leaseRejectionError,
  maxTokenBytes,
  signLease,
  tokenLayout,
  verifyLease,
  type Lease,
} from '../../src/index.ts';
import { toHexNotation } from '../messages/hex-notation.ts';
import { seededRandom } from '../seeded-random.ts';

const clusterKey = new Uint8Array(32).fill(1);
const nodeKey = deriveNodeKey(clusterKey, 'node-1');
const lease: Lease = {
  keyId: 1,
  leaseId: '00112233445566778899aabbccddeeff',
  generation: 2,
  node: 'node-1',
  incarnation: 99n,
  cores: 4,
  memoryMiB: 512,
  gpus: 1,
  tenant: 'alice',
  notBefore: 1_000_000,
  expiry: 2_000_000,
};
const here = { nodeName: 'node-1', incarnation: 99n, now: 1_500_000 };

describe('lease token', () => {
  test('has its golden bytes and fits into its messages', () => {
    const token = signLease(nodeKey, lease);
    expect(token.byteLength).toBeLessThanOrEqual(maxTokenBytes);
    expect(toHexNotation(token)).toMatchInlineSnapshot(
      `"72 46 61 54 01 00 00 00 01 00 00 00 00 11 22 33 44 55 66 77 88 99 aa bb cc dd ee ff 02 00 00 00 6e 6f 64 65 2d 31 (58) 63 00 00 00 00 00 00 00 04 00 00 00 00 02 00 00 01 00 00 00 61 6c 69 63 65 (59) 40 42 0f 00 00 00 00 00 80 84 1e 00 00 00 00 00 ce 7e 86 73 9e 49 d1 33 e3 5f 82 54 eb c7 63 4e 81 83 b0 19 39 9d 9a 04 2e c2 81 85 95 b2 ec c6"`,
    );
  });

  test('is verified with the key of its node alone', () => {
    expect(verifyLease(nodeKey, signLease(nodeKey, lease), here)).toEqual({ ok: true, lease });
  });

  test('every changed bit makes it a forgery', () => {
    const token = signLease(nodeKey, lease);
    for (let bit = 0; bit < token.byteLength * 8; bit += 1) {
      const altered = token.slice();
      altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(verifyLease(nodeKey, altered, here)).toEqual({ ok: false, reason: 'forged' });
    }
  });

  test.each([
    ['the key of another node', signLease(deriveNodeKey(clusterKey, 'node-2'), lease), here, 'forged'],
    ['a truncated token', signLease(nodeKey, lease).subarray(1), here, 'malformed'],
    ['no token', new Uint8Array(0), here, 'malformed'],
    ['a lease for another node', signLease(nodeKey, { ...lease, node: 'node-2' }), here, 'other-node'],
    [
      'an earlier start of the node',
      signLease(nodeKey, lease),
      { ...here, incarnation: 98n },
      'other-incarnation',
    ],
    ['a lease of the future', signLease(nodeKey, lease), { ...here, now: 900_000 }, 'not-yet-valid'],
    ['the moment of expiry', signLease(nodeKey, lease), { ...here, now: 2_000_000 }, 'expired'],
    ['long after', signLease(nodeKey, lease), { ...here, now: 9e12 }, 'expired'],
  ] as const)('%s is refused: %s', (_what, token, context, reason) => {
    expect(verifyLease(nodeKey, token, context)).toEqual({ ok: false, reason });
    expect(leaseRejectionError(reason).message).not.toBe('');
  });

  test('a node that was not connected accepts incarnation 0', () => {
    const token = signLease(nodeKey, { ...lease, incarnation: 0n });
    expect(verifyLease(nodeKey, token, { ...here, incarnation: 5n })).toMatchObject({ ok: true });
  });

  test('clocks may differ by the skew, in front only', () => {
    const token = signLease(nodeKey, lease);
    expect(verifyLease(nodeKey, token, { ...here, now: 970_000 })).toMatchObject({ ok: true });
    expect(verifyLease(nodeKey, token, { ...here, now: 999_999, skewMs: 0 })).toMatchObject({ ok: false });
    expect(verifyLease(nodeKey, token, { ...here, now: 1_999_999 })).toMatchObject({ ok: true });
  });

  test('random bytes are never a lease and never an exception', () => {
    const random = seededRandom(5);
    for (let round = 0; round < 500; round += 1) {
      const length = random.below(3) === 0 ? random.below(600) : tokenLayout.byteLength;
      expect(verifyLease(nodeKey, random.bytes(length), here).ok).toBe(false);
    }
  });

  test('an expired lease is told apart from an invalid one', () => {
    expect(leaseRejectionError('expired').code).toBe('RFAAS_ERR_LEASE_EXPIRED');
    expect(leaseRejectionError('forged').code).toBe('RFAAS_ERR_LEASE_INVALID');
  });
});
