import { describe, expect, test } from '@jest/globals';
import { encodeMessage, joinFunctionNames, splitFunctionNames, type FunctionNames } from '../../src/index.ts';
import { seededRandom } from '../seeded-random.ts';

function roundTrip(names: readonly string[]): readonly string[] {
  return splitFunctionNames(names).reduce<string[]>((received, part) => {
    encodeMessage({ kind: 'function-names', ...part });
    return joinFunctionNames(received, part);
  }, []);
}

describe('function names', () => {
  test('of any number and length arrive in order', () => {
    const random = seededRandom(11);
    for (let round = 0; round < 50; round += 1) {
      const names = Array.from(
        { length: random.below(300) },
        (_, index) => `f${index}_${'é'.repeat(random.below(60))}`,
      );
      expect(roundTrip(names)).toEqual(names);
    }
  });

  test('exactly as long as there is room for arrive', () => {
    const longest = 'x'.repeat(3500);
    expect(roundTrip([longest, longest, 'y'])).toEqual([longest, longest, 'y']);
    expect(splitFunctionNames(['x'.repeat(1749), 'y'.repeat(1750)])).toHaveLength(1);
    expect(splitFunctionNames(['x'.repeat(1750), 'y'.repeat(1750)])).toHaveLength(2);
  });

  test.each([[''], ['a\nb'], ['a\0b'], ['x'.repeat(3501)]])('name %j cannot be sent', (name) => {
    expect(() => splitFunctionNames([name])).toThrow(expect.objectContaining({ code: 'RFAAS_ERR_PACKAGE' }));
  });

  test.each<[string, FunctionNames]>([
    ['skips some', { first: 2, count: 1, names: 'c' }],
    ['repeats some', { first: 0, count: 1, names: 'a' }],
    ['miscounts', { first: 1, count: 2, names: 'b' }],
    ['has an empty name', { first: 1, count: 2, names: 'b\n' }],
  ])('a peer that %s is refused', (_what, message) => {
    expect(() => joinFunctionNames(['a'], message)).toThrow(
      expect.objectContaining({ code: 'RFAAS_ERR_PROTOCOL' }),
    );
  });
});
