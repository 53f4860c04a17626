import { describe, expect, test } from '@jest/globals';
import { defaultNodeName, hostMemoryMiB, nodeCapacity } from '../src/node-resources.ts';

const available = [0, 1, 4, 5];

describe('cores', () => {
  test('are all that this process may use, unless the configuration says less', () => {
    const settings = { cores: undefined, memoryMiB: undefined };
    expect(nodeCapacity(settings, available, 77)).toEqual({ cpus: available, memoryMiB: 77 });
    expect(nodeCapacity({ cores: 2, memoryMiB: 10 }, available, 77)).toEqual({ cpus: [0, 1], memoryMiB: 10 });
    expect(nodeCapacity({ cores: [5, 1], memoryMiB: 10 }, available, 77).cpus).toEqual([5, 1]);
  });

  test('may be shared on purpose', () => {
    expect(nodeCapacity({ cores: [1, 1], memoryMiB: 1 }, available, 1).cpus).toEqual([1, 1]);
  });

  test('that are not there are a configuration error that says which are', () => {
    expect(() => nodeCapacity({ cores: 5, memoryMiB: 1 }, available, 1)).toThrow(
      /5 are to be leased out, but this process may use 4 processors \(0, 1, 4, 5\)/,
    );
    expect(() => nodeCapacity({ cores: [0, 2, 3], memoryMiB: 1 }, available, 1)).toThrow(
      /processors 2, 3 are not there/,
    );
  });
});

test('this host has memory and a name that fits messages and file names', () => {
  expect(hostMemoryMiB()).toBeGreaterThan(16);
  expect(defaultNodeName()).toMatch(/^[\w.@+-]{1,64}$/);
});
