import { expect, test } from '@jest/globals';
import { completeAllocateOptions } from '../src/allocate-options.ts';
import { completeLeaseOptions } from '../src/lease-options.ts';

test('an allocation takes all cores of the lease unless told otherwise', () => {
  expect(completeAllocateOptions({}, 3)).toMatchObject({ cores: 3, slots: 8, hotTimeoutMs: 1000 });
  expect(completeAllocateOptions({ cores: 2, hotTimeout: -1, slots: 64 }, 3)).toMatchObject({
    cores: 2,
    hotTimeoutMs: -1,
  });
});

test.each([
  [{ cores: 4 }, 'cores cannot be 4: the lease has 3'],
  [{ cores: 0 }, 'cores cannot be 0'],
  [{ cores: -1 }, 'cores cannot be -1'],
  [{ cores: 1.5 }, 'cores cannot be 1.5'],
  [{ slots: 3 }, 'slots cannot be 3: it must be a power of two'],
  [{ slots: 128 }, 'slots cannot be 128'],
  [{ hotTimeout: -2 }, 'hotTimeout cannot be -2'],
  [{ inputBytes: -1 }, 'inputBytes cannot be -1'],
  [{ outputBytes: 2 ** 32 }, 'outputBytes cannot be'],
  [{ timeoutMs: 0 }, 'timeoutMs cannot be 0'],
])('an allocation with %j is refused', (options, message) => {
  expect(() => completeAllocateOptions(options, 3)).toThrow(message);
});

test('a lease has defaults for everything but cores', () => {
  expect(completeLeaseOptions({ cores: 2 })).toMatchObject({
    cores: 2,
    memoryMiB: 2048,
    durationMs: 3_600_000,
    node: '',
    gpus: 0,
  });
});

test.each([
  [{ cores: 0 }, 'cores cannot be 0: a lease has at least one core'],
  [{ cores: -3 }, 'cores cannot be -3'],
  [{ cores: 1, memoryMiB: 0 }, 'memoryMiB cannot be 0'],
  [{ cores: 1, durationMs: 0 }, 'durationMs cannot be 0'],
  [{ cores: 1, gpus: -1 }, 'gpus cannot be -1'],
])('a lease with %j is refused', (options, message) => {
  expect(() => completeLeaseOptions(options)).toThrow(message);
});
