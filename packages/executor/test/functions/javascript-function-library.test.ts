import { describe, expect, test } from '@jest/globals';
import {
  loadJavaScriptFunctions,
  moduleSourceName,
} from '../../src/functions/javascript-function-library.ts';

describe('a module', () => {
  test('offers its exported functions, sorted by name', async () => {
    const functions = await loadJavaScriptFunctions(
      'export const number = 1; export function b() { return 2; } export const a = (input) => input.length; export default async () => 3;',
      'sorted.mjs',
    );
    expect(functions.map(({ name }) => name)).toEqual(['a', 'b', 'default']);
    expect(functions[0]?.run(new Uint8Array(5), new Uint8Array(0))).toBe(5);
  });

  test('without functions is an error that says what it has instead', async () => {
    await expect(loadJavaScriptFunctions('export const answer = 42;', 'none.mjs')).rejects.toThrow(
      /exports no function \(it exports only answer, which is no function\)/,
    );
    await expect(loadJavaScriptFunctions('const nothing = 1;', 'none.mjs')).rejects.toThrow(
      /exports nothing/,
    );
  });

  test('that throws while it is loaded rejects with what it threw', async () => {
    const loading = loadJavaScriptFunctions('throw new Error("no licence"); export function f() {}', 'x.mjs');
    await expect(loading).rejects.toThrow('no licence');
  });
});

test('the name in stack traces has no surprises', () => {
  expect(moduleSourceName('thumb nails\n.mjs')).toBe('rfaas:///thumb_nails_.mjs');
});
