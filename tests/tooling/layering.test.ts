import { expect, test } from '@jest/globals';

import { cycles } from '../../scripts/import-graph.mjs';
import { confinedImports, matchesPattern, packages } from '../../scripts/layering.mjs';

test('a graph without a circle has none', () => {
  const graph = new Map([
    ['a', ['b', 'c']],
    ['b', ['c']],
    ['c', ['outside']],
  ]);
  expect(cycles(graph)).toEqual([]);
});

test('circles are found, also those of one file', () => {
  const graph = new Map([
    ['a', ['b']],
    ['b', ['c']],
    ['c', ['a']],
    ['d', ['d', 'a']],
  ]);
  expect(cycles(graph).map((group: string[]) => group.sort())).toEqual([['a', 'b', 'c'], ['d']]);
});

test('a star stands for one name, not for folders', () => {
  expect(matchesPattern('packages/core/src/cli/run.ts', 'packages/*/src/cli/*.ts')).toBe(true);
  expect(matchesPattern('packages/core/src/cli/deep/run.ts', 'packages/*/src/cli/*.ts')).toBe(false);
});

test('servers and client know neither each other nor the executor', () => {
  for (const name of ['client', 'resource-manager', 'executor-manager', 'executor'] as const) {
    expect(packages[`@rfaas/${name}`].mayImport).toEqual(['@rfaas/core', '@rfaas/rdmalib']);
  }
});

test('libraries with a price are confined to few files', () => {
  expect(Object.keys(confinedImports)).toEqual(
    expect.arrayContaining(['koffi', 'ffi-rs', 'winston', 'commander']),
  );
});
