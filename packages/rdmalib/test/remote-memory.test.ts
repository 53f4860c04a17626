import { describe, expect, test } from '@jest/globals';
import { decodeRemoteMemory, encodeRemoteMemory, InvalidArgumentError } from '@rfaas/rdmalib';

describe('remote memory on the wire', () => {
  const memory = { address: 0x7fff_1234_5678_9abcn, rkey: 0xfedc_ba98_7654_3210n, byteLength: 0x1_0000_0001 };

  test('has these bytes', () => {
    const hex = Buffer.from(encodeRemoteMemory(memory)).toString('hex');
    expect(hex).toBe('bc9a78563412ff7f1032547698badcfe0100000001000000');
  });

  test('is read back, also from the middle of other bytes', () => {
    const bytes = new Uint8Array(40);
    bytes.set(encodeRemoteMemory(memory), 8);
    expect(decodeRemoteMemory(bytes.subarray(8))).toEqual(memory);
  });

  test('that is cut off or impossible is refused', () => {
    expect(() => decodeRemoteMemory(new Uint8Array(23))).toThrow(InvalidArgumentError);
    expect(() => decodeRemoteMemory(new Uint8Array(24).fill(0xff))).toThrow(InvalidArgumentError);
  });
});
