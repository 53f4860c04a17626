import { expect, test } from '@jest/globals';
import { formatLabels, parseLabels } from '../src/index.ts';

test('labels come back from their text', () => {
  const labels = { rack: 'r12', arch: 'arm64', 'example.org/pool': 'a+b' };
  expect(formatLabels(labels)).toBe('rack=r12,arch=arm64,example.org/pool=a+b');
  expect(parseLabels(formatLabels(labels))).toEqual(labels);
  expect(parseLabels('')).toEqual({});
});

test.each([
  'rack',
  'rack=',
  '=r12',
  'a=b=c',
  'a=b,a=c',
  'a=b,',
  'a b=c',
  '__proto__=x',
  `a=${'x'.repeat(64)}`,
])('"%s" is refused with what is expected', (text) => {
  expect(() => parseLabels(text)).toThrow(expect.objectContaining({ code: 'RFAAS_ERR_USAGE' }));
  expect(() => parseLabels(text)).toThrow('key=value');
});

test('labels that no message has room for are refused', () => {
  const labels = Object.fromEntries(Array.from({ length: 9 }, (_, index) => [`key${index}`, 'v'.repeat(40)]));
  expect(() => formatLabels(labels)).toThrow('256 are possible');
});
