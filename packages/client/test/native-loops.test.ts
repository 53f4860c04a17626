import { expect, test } from '@jest/globals';
import { CONTEXT_BYTES, setBigint64, setNumber64, word } from '../src/invoke-context.ts';
import { loadNativeLoops } from '../src/native-loops.ts';

test('the layout of the native context is the one that TypeScript fills in', () => {
  const context = loadNativeLoops().openContext();
  expect(context.words.byteLength).toBe(CONTEXT_BYTES);
  expect(context.words.every((value) => value === 0)).toBe(true);
  context.close();
  context.close();
});

test('contexts have indices of their own', () => {
  const loops = loadNativeLoops();
  const [first, second] = [loops.openContext(), loops.openContext()];
  expect(first.index).not.toBe(second.index);
  first.words[word.status] = 77;
  expect(second.words[word.status]).toBe(0);
  first.close();
  second.close();
});

test('64-bit fields take two words, low one first', () => {
  const words = new Uint32Array(4);
  setNumber64(words, 0, 0x7fff_1234_5678);
  setBigint64(words, 2, 0xfedc_ba98_7654_3210n);
  expect([...words]).toEqual([0x1234_5678, 0x7fff, 0x7654_3210, 0xfedc_ba98]);
});
