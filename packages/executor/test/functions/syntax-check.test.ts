import { describe, expect, test } from '@jest/globals';
import { prepareModule } from '../../src/functions/prepare-module.ts';
import { describeSyntaxError, parseSyntaxReport } from '../../src/functions/syntax-check.ts';

describe('a syntax error', () => {
  test('is told with its line and its text', async () => {
    expect(await describeSyntaxError('export function run() {\n  let a = ;\n}\n')).toBe(
      "line 2: SyntaxError: Unexpected token ';'\n  let a = ;",
    );
  });

  test('that already the lexer notices is told the same way', async () => {
    await expect(prepareModule('export const a = 1;\nexport function (\n', undefined)).rejects.toThrow(
      /^line \d+: SyntaxError: /,
    );
  });

  test('is not found where there is none', async () => {
    expect(await describeSyntaxError("import 'nowhere'; await 1; export const a = 1;")).toBeUndefined();
  });
});

test('what Node says without a position is no report', () => {
  expect(parseSyntaxReport('')).toBeUndefined();
  expect(parseSyntaxReport('Segmentation fault\n')).toBeUndefined();
  expect(parseSyntaxReport('[stdin]:7\nx y\n  ^\n\nSyntaxError: Unexpected identifier\n')).toBe(
    'line 7: SyntaxError: Unexpected identifier\nx y',
  );
});
