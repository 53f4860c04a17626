import { describe, expect, test } from '@jest/globals';
import { decodeHello, encodeHello, readFrame, writeFrame } from '../src/messages/message-frame.ts';

describe('frames of message channels', () => {
  test('have these bytes', () => {
    const slot = new Uint8Array(64);
    expect(writeFrame(slot, 'data', 0x0304, Uint8Array.of(9, 8, 7))).toBe(11);
    expect(Buffer.from(slot.subarray(0, 11)).toString('hex')).toBe('0272040303000000090807');
    expect(writeFrame(slot, 'credit', 8, new Uint8Array(0))).toBe(8);
    expect(Buffer.from(slot.subarray(0, 8)).toString('hex')).toBe('0372080000000000');
    expect(writeFrame(slot, 'hello', 16, encodeHello(4096))).toBe(12);
    expect(Buffer.from(slot.subarray(0, 12)).toString('hex')).toBe('017210000400000000100000');
    expect(writeFrame(slot, 'question', 0, new Uint8Array(0))).toBe(8);
    expect(Buffer.from(slot.subarray(0, 8)).toString('hex')).toBe('0472000000000000');
    expect(writeFrame(slot, 'answer', 0, new Uint8Array(0))).toBe(8);
    expect(Buffer.from(slot.subarray(0, 8)).toString('hex')).toBe('0572000000000000');
  });

  test('are read back', () => {
    const slot = new Uint8Array(64);
    const length = writeFrame(slot, 'data', 5, Uint8Array.of(1, 2));
    const frame = readFrame(slot.subarray(0, length));
    expect(frame).toMatchObject({ kind: 'data', credits: 5 });
    expect([...frame.payload]).toEqual([1, 2]);
    const hello = readFrame(slot.subarray(0, writeFrame(slot, 'hello', 1, encodeHello(77))));
    expect(decodeHello(hello.payload)).toBe(77);
  });

  test.each([
    ['nothing', '', /too few/],
    ['half a header', '02720400', /too few/],
    ['another kind', '0672000000000000', /no kind of frame/],
    ['a length that is too long', '0272000005000000aabb', /announces 5 bytes and 2 follow/],
    ['a length that is too short', '0272000001000000aabb', /announces 1 bytes and 2 follow/],
    ['a hello without its limit', '0172000000000000', /hello frame has 4/],
    ['a question with a payload', '0472000001000000aa', /question frame has 0/],
    ['credits with a payload', '0372000001000000aa', /credit frame has 0/],
  ])('%s is refused', (_what, hex, reason) => {
    expect(() => readFrame(Uint8Array.from(Buffer.from(hex, 'hex')))).toThrow(reason);
  });
});
