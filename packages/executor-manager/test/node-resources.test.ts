import { describe, expect, test } from '@jest/globals';
import { defaultNodeName, hostMemoryMiB, nodeCapacity, type HostProcessors } from '../src/node-resources.ts';

const host: HostProcessors = {
  available: [0, 1, 4, 5],
  topology: new Map(),
  quota: Number.POSITIVE_INFINITY,
};
/** Two cores with two hardware threads each: 0 with 4, 1 with 5. */
const threaded: HostProcessors = {
  ...host,
  topology: new Map([0, 1, 4, 5].map((cpu) => [cpu, { core: cpu % 4, node: 0 }])),
};

describe('cores', () => {
  const cpus = (cores: number | number[] | undefined, on = host): readonly number[] =>
    nodeCapacity({ cores, memoryMiB: 1 }, on, 77).cpus;

  test('are all that this process may use, unless the configuration says less', () => {
    expect(cpus(undefined)).toEqual([0, 1, 4, 5]);
    expect(cpus(2)).toEqual([0, 1]);
    expect(cpus([5, 1])).toEqual([5, 1]);
  });

  test('and memory is what the host has, unless the configuration says less', () => {
    expect(nodeCapacity({ cores: 1, memoryMiB: undefined }, host, 77).memoryMiB).toBe(77);
    expect(nodeCapacity({ cores: 1, memoryMiB: 10 }, host, 77).memoryMiB).toBe(10);
  });

  test('are leased out by one hardware thread each', () => {
    expect(cpus(undefined, threaded)).toEqual([0, 1]);
    expect(cpus(2, threaded)).toEqual([0, 1]);
    expect(() => cpus(3, threaded)).toThrow(/3 are to be leased out.*4 processors \(0, 1, 4, 5\) of 2 cores/);
  });

  test('are no more than the control group lets this process use at once', () => {
    expect(cpus(undefined, { ...host, quota: 2.5 })).toEqual([0, 1]);
    expect(cpus(undefined, { ...host, quota: 0.5 })).toEqual([0]);
    expect(cpus(3, { ...host, quota: 2.5 })).toEqual([0, 1, 4]);
  });

  test('may be shared on purpose', () => {
    expect(cpus([1, 1])).toEqual([1, 1]);
    expect(cpus([0, 4], threaded)).toEqual([0, 4]);
  });

  test('that are not there are a configuration error that says which are', () => {
    expect(() => cpus(5)).toThrow(
      /5 are to be leased out, but this process may use 4 processors \(0, 1, 4, 5\)/,
    );
    expect(() => cpus([0, 2, 3])).toThrow(/processors 2, 3 are not there/);
  });
});

test('this host has memory and a name that fits messages and file names', () => {
  expect(hostMemoryMiB()).toBeGreaterThan(16);
  expect(defaultNodeName()).toMatch(/^[\w.@+-]{1,64}$/);
});
