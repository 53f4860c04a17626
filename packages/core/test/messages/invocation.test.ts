import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import {
  accountingBytes,
  accountingOffsets,
  accountingRecord,
  invocationHeader,
  invocationHeaderOffset,
  invocationInputOffset,
  invocationStatus,
  maxFunctions,
  maxSlots,
  parseReplyImmediate,
  parseRequestImmediate,
  replyImmediate,
  requestImmediate,
  slotStride,
} from '../../src/index.ts';
import { toHexNotation } from './hex-notation.ts';

const loops = readFileSync(
  new URL('../../../../native-shims/include/rfaas_loops.h', import.meta.url),
  'utf8',
);

function cConstant(name: string): number {
  const value = new RegExp(`${name} *=? *(0x[0-9a-f]+|\\d+)u?`).exec(loops)?.[1];
  return Number(value);
}

describe('immediates', () => {
  test.each([
    [0, 0, false, 0],
    [0xffff, 0x7fff, true, 0xffff_ffff],
    [0x8000, 0, false, 0x8000_0000],
    [1, 2, true, 0x0001_8002],
  ])('request %d of function %d is %s', (invocationId, functionIndex, solicited, immediate) => {
    expect(requestImmediate(invocationId, functionIndex, solicited)).toBe(immediate);
    expect(parseRequestImmediate(immediate)).toEqual({ invocationId, functionIndex, solicited });
  });

  test.each([
    [0xffff, 6, 0xffff_0006],
    [0x8001, 0xffff, 0x8001_ffff],
  ])('reply to %d with status %d', (invocationId, status, immediate) => {
    expect(replyImmediate(invocationId, status)).toBe(immediate);
    expect(parseReplyImmediate(immediate)).toEqual({ invocationId, status });
  });

  test('an invocation id goes on past 65,535', () => {
    expect(parseRequestImmediate(requestImmediate(65_536 + 5, 0, false)).invocationId).toBe(5);
  });
});

describe('what the native loops share', () => {
  test('the header has its golden bytes', () => {
    const header = invocationHeader.encode({
      resultAddress: 0x1122_3344_5566_7788n,
      resultKey: 1n,
      inputBytes: 2,
      resultCapacity: 3,
      invocationId: 4,
      flags: 1,
    });
    expect(toHexNotation(header)).toBe(
      '88 77 66 55 44 33 22 11 01 00 00 00 00 00 00 00 02 00 00 00 03 00 00 00 04 00 00 00 01 00 00 00',
    );
    expect(header.byteLength).toBe(cConstant('RFAAS_HEADER_BYTES'));
    expect(invocationHeaderOffset + header.byteLength).toBe(invocationInputOffset);
  });

  test('constants are those of rfaas_loops.h', () => {
    expect(maxSlots).toBe(cConstant('RFAAS_MAX_SLOTS'));
    expect(maxFunctions).toBe(cConstant('RFAAS_MAX_FUNCTIONS'));
    const names = {
      ok: 'RFAAS_OK',
      functionFailed: 'RFAAS_FUNCTION_FAILED',
      noSuchFunction: 'RFAAS_NO_SUCH_FUNCTION',
      outputTooLarge: 'RFAAS_OUTPUT_TOO_LARGE',
      invalidRequest: 'RFAAS_INVALID_REQUEST',
      resultUnreachable: 'RFAAS_RESULT_UNREACHABLE',
      cancelled: 'RFAAS_CANCELLED',
    } as const;
    for (const [status, name] of Object.entries(names)) {
      expect([name, invocationStatus[status as keyof typeof names]]).toEqual([name, cConstant(name)]);
    }
  });

  test('slots are pages, with room for header and input', () => {
    expect(slotStride(0)).toBe(4096);
    expect(slotStride(4096 - 64)).toBe(4096);
    expect(slotStride(4096 - 63)).toBe(8192);
    expect(slotStride(2 ** 33)).toBe(2 ** 33 + 4096);
  });

  test('counters lie where the record says', () => {
    const places = Object.fromEntries(accountingRecord.fields.map(({ name, offset }) => [name, offset]));
    expect(accountingOffsets).toEqual(places);
    expect(accountingBytes(3)).toBe(96);
  });
});
