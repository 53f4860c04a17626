import { describe, expect, test } from '@jest/globals';
import { applications, type Application } from '../src/programs/applications.ts';

const HEADER_DOUBLES = 8;

function application(name: string): Application {
  const found = applications(true).find((each) => each.name === name);
  if (found === undefined) throw new Error(`no application ${name}`);
  return found;
}

function doubles(bytes: Uint8Array): Float64Array {
  return new Float64Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 8);
}

describe('a problem', () => {
  test.each(applications(true).map(({ name }) => name))('%s is as large in parts as in one', (name) => {
    const outputs = (parts: number): number =>
      application(name)
        .problem(1, parts)
        .parts.reduce((sum, { outputBytes, finish }) => sum + (finish?.outputBytes ?? outputBytes), 0);
    expect([2, 3, 5].map(outputs)).toEqual([outputs(1), outputs(1), outputs(1)]);
  });

  test('grows with its scale', () => {
    const rows = (scale: number): number =>
      application('Jacobi').problem(scale, 1).parts[0]?.finish?.outputBytes ?? 0;
    expect(rows(4)).toBe(4 * rows(1));
  });
});

test('workers of the Jacobi solver are given the nearest lines of their neighbours', () => {
  const problem = application('Jacobi').problem(1, 3);
  const n = doubles(problem.parts[0]?.input ?? new Uint8Array(8))[0] ?? 0;
  const line = (part: number, which: 'above' | 'below'): Float64Array => {
    const start = HEADER_DOUBLES + (which === 'above' ? 0 : n);
    return doubles((problem.parts[part] as { input: Uint8Array }).input).subarray(start, start + n);
  };
  expect(line(0, 'above').every((value) => value === 1)).toBe(true);
  const outputs = problem.parts.map((_, part) => {
    const lines = new Float64Array(2 * n).fill(10 * part + 1, 0, n).fill(10 * part + 2, n);
    return new Uint8Array(lines.buffer);
  });
  problem.exchange?.(outputs);
  const edges = problem.parts.map((_, part) => [line(part, 'above')[0], line(part, 'below')[0]]);
  expect(edges).toEqual([
    [1, 11],
    [2, 21],
    [12, 0],
  ]);
});
