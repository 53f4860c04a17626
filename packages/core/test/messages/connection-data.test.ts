import { describe, expect, test } from '@jest/globals';
import {
  connectionDataBytes,
  connectionRoles,
  decodeConnectionData,
  decodeRejection,
  encodeConnectionData,
  encodeRejection,
  noId,
  rejectionError,
  rejectionReasons,
} from '../../src/index.ts';
import { seededRandom } from '../seeded-random.ts';
import { toHexNotation } from './hex-notation.ts';

describe('private data of a connection', () => {
  const data = {
    role: 'executor-thread-to-client',
    id: '00112233445566778899aabbccddeeff',
    secret: 'f'.repeat(32),
    threadIndex: 3,
  } as const;

  test('has its golden bytes', () => {
    const bytes = encodeConnectionData(data);
    expect(bytes.byteLength).toBe(connectionDataBytes);
    expect(toHexNotation(bytes)).toBe(
      `72 46 61 53 01 00 05 00 00 11 22 33 44 55 66 77 88 99 aa bb cc dd ee ff ${'ff '.repeat(16)}03 00 00 00 00 00 00 00`,
    );
  });

  test.each(connectionRoles)('%s comes back', (role) => {
    expect(decodeConnectionData(encodeConnectionData({ role }))).toEqual({
      ok: true,
      data: { role, id: noId, secret: noId, threadIndex: 0 },
    });
  });

  test('zeros behind it are padding', () => {
    const padded = new Uint8Array(56);
    padded.set(encodeConnectionData(data));
    expect(decodeConnectionData(padded)).toEqual({ ok: true, data });
  });

  test.each([
    ['nothing', () => new Uint8Array(0), 'garbage'],
    ['too little', () => encodeConnectionData(data).subarray(1), 'garbage'],
    ['another magic', () => dataWith(0, 1), 'garbage'],
    ['another version', () => dataWith(4, 2), 'version'],
    ['role 0', () => dataWith(6, 0), 'role'],
    ['an unknown role', () => dataWith(6, 99), 'role'],
    ['reserved bytes', () => dataWith(47, 1), 'garbage'],
  ])('%s is rejected with its reason', (_what, make, reason) => {
    expect(decodeConnectionData(make())).toMatchObject({ ok: false, reason });
  });

  test('random bytes never throw', () => {
    const random = seededRandom(3);
    for (let round = 0; round < 2000; round += 1) {
      const bytes = random.below(2) === 0 ? random.bytes(random.below(80)) : encodeConnectionData(data);
      if (bytes.byteLength > 0) {
        bytes[random.below(bytes.byteLength)] = random.below(256);
      }
      expect(typeof decodeConnectionData(bytes).ok).toBe('boolean');
    }
  });

  function dataWith(offset: number, value: number): Uint8Array {
    const bytes = encodeConnectionData(data);
    bytes[offset] = value;
    return bytes;
  }
});

describe('rejections', () => {
  test('have their golden bytes', () => {
    expect(toHexNotation(encodeRejection('unauthorised'))).toBe('72 46 61 53 01 00 03 (9)');
  });

  test.each(rejectionReasons)('%s comes back, also padded', (reason) => {
    const padded = new Uint8Array(48);
    padded.set(encodeRejection(reason));
    expect(decodeRejection(padded)).toEqual({ version: 1, reason });
  });

  test('of something that is not rFaaS are no rejection of ours', () => {
    expect(decodeRejection(new Uint8Array(16))).toBeUndefined();
    expect(decodeRejection(new Uint8Array(3))).toBeUndefined();
  });

  test('become errors that say what was attempted and what to do', () => {
    expect(rejectionError('connecting to shm://1', encodeRejection('version'))).toMatchObject({
      code: 'RFAAS_ERR_VERSION',
    });
    expect(rejectionError('connecting to shm://1', encodeRejection('busy'))).toMatchObject({
      code: 'RFAAS_ERR_BUSY',
    });
    expect(rejectionError('connecting to shm://1', new Uint8Array(0)).message).toMatch(
      /^connecting to shm:\/\/1.*port\?$/,
    );
  });
});
