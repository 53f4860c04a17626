import { expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { maskOf, ProcessorAffinity, processorsOf } from '../../src/launchers/processor-affinity.ts';

test('masks and lists of processors are the same thing', () => {
  for (const cpus of [[0], [63], [64], [0, 1, 63, 64, 127, 200]]) {
    expect(processorsOf(maskOf(cpus))).toEqual(cpus);
  }
  expect(processorsOf(maskOf([3, 3, 1]))).toEqual([1, 3]);
  expect([...maskOf([65])]).toEqual([0n, 2n]);
});

test('what is started bound stays bound, and this thread does not', () => {
  const affinity = new ProcessorAffinity();
  const before = affinity.processors();
  const last = before.at(-1) ?? 0;
  const status = affinity.runBound([last], () =>
    execFileSync('cat', ['/proc/self/status'], { encoding: 'utf8' }),
  );
  expect(/^Cpus_allowed_list:\s*(.*)$/m.exec(status)?.[1]).toBe(`${last}`);
  expect(affinity.processors()).toEqual(before);
});

test('a failure inside leaves no binding behind', () => {
  const affinity = new ProcessorAffinity();
  const before = affinity.processors();
  const failing = (): never => {
    throw new Error('inside');
  };
  expect(() => affinity.runBound([before[0] ?? 0], failing)).toThrow('inside');
  expect(affinity.processors()).toEqual(before);
});

test('processors that do not exist are an error', () => {
  expect(() => new ProcessorAffinity().runBound([60_000], () => 0)).toThrow(
    /cannot bind to processors 60000/,
  );
});
