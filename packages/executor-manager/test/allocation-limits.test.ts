import { expect, test } from '@jest/globals';
import type { Allocate } from '@rfaas/core';
import { checkAllocationLimits } from '../src/allocation-limits.ts';

const request: Allocate = {
  token: new Uint8Array(),
  cores: 2,
  memoryMiB: 64,
  clientUrl: 'shm://1',
  secret: '00'.repeat(16),
  packageKind: 'native',
  sha256: '00'.repeat(32),
  packageBytes: 1000,
  packageName: 'lib.so',
  hotTimeoutMs: 0,
  slots: 16,
  inputBytes: 1024 * 1024 - 64,
  outputBytes: 1024 * 1024,
};

test('what fits is fine', () => {
  checkAllocationLimits(request);
  checkAllocationLimits({ ...request, slots: 1, inputBytes: 0, outputBytes: 0, hotTimeoutMs: -1 });
  checkAllocationLimits({ ...request, memoryMiB: 0, slots: 64 });
});

test.each<[Partial<Allocate>, RegExp]>([
  [{ slots: 0 }, /0 slots/],
  [{ slots: 3 }, /3 slots: a power of two/],
  [{ slots: 128 }, /128 slots.*up to 64/],
  [{ inputBytes: 2 ** 32 }, /inputs of 4294967296 bytes/],
  [{ outputBytes: Number.MAX_SAFE_INTEGER }, /outputs of/],
  [{ hotTimeoutMs: -2 }, /hot timeout of -2/],
  [{ packageBytes: 0 }, /empty function package/],
  [{ packageBytes: 2 ** 31 }, /function package of 2147483648 bytes/],
  [{ outputBytes: 1024 * 1024 + 4096 }, /take 65 MiB, the allocation has 64/],
  [{ cores: 3 }, /take 96 MiB/],
  [{ memoryMiB: 0, slots: 64, inputBytes: 2 ** 31, cores: 8 }, /the allocation has 65536/],
])('%p is refused', (change, reason) => {
  expect(() => checkAllocationLimits({ ...request, ...change })).toThrow(reason);
});
