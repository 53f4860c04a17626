import { describe, expect, test } from '@jest/globals';
import { createCompletionBatch, InvalidArgumentError } from '@rfaas/rdmalib';

describe('a completion batch', () => {
  test('reads what native code wrote', () => {
    const batch = createCompletionBatch(3);
    expect(batch.words.length).toBe(24);
    batch.words.set([7, 7, 5, 0x8000_0001, 8, 0xffff_fffe, 4096, 0xffff_ff9f], 8);
    batch.length = 2;
    expect(batch.at(1)).toEqual({
      endpointId: 7,
      opcode: 'receive-write-immediate',
      status: 'receiver-not-ready',
      wrId: 0x8000_0001,
      immediate: 0xffff_fffe,
      byteLength: 4096,
      providerError: -97,
    });
  });

  test('has no immediate where none came', () => {
    const batch = createCompletionBatch(1);
    batch.words.set([1, 1, 0, 0, 0, 99, 0, 0]);
    batch.length = 1;
    expect(batch.hasImmediate(0)).toBe(false);
    expect(batch.at(0).immediate).toBeUndefined();
  });

  test('refuses what it does not hold', () => {
    const batch = createCompletionBatch(4);
    batch.length = 1;
    expect(() => batch.status(1)).toThrow(InvalidArgumentError);
    expect(() => batch.status(-1)).toThrow(InvalidArgumentError);
    expect(() => createCompletionBatch(0)).toThrow(InvalidArgumentError);
    expect(() => createCompletionBatch(1.5)).toThrow(InvalidArgumentError);
  });
});
