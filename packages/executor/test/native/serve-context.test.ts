import { expect, test } from '@jest/globals';
import { ServeContext } from '../../src/native/serve-context.ts';
import { contextSlots, serveContextBytes, serveWord } from '../../src/native/serve-context-layout.ts';

test('the layout is that of the native loops', () => {
  // The constructor compares it with what the C compiler made of the header.
  using context = new ServeContext();
  expect(context.words.byteLength).toBe(serveContextBytes);
  expect(context.words.every((word) => word === 0)).toBe(true);
});

test('64-bit fields hold addresses, and lie at multiples of 8', () => {
  using context = new ServeContext();
  const address = 0x7fff_1234_5678;
  context.set64('inputAddress', address);
  context.set64('outputEnd', address + 4096, contextSlots - 1);
  expect(context.get64('inputAddress')).toBe(address);
  const last = serveWord.outputEnd + 2 * (contextSlots - 1);
  expect(new BigUint64Array(context.words.buffer, 4 * last, 1)[0]).toBe(BigInt(address + 4096));
  expect(context.words[last + 2]).toBe(0);
});

test('the loop refuses a context that was not filled', () => {
  using context = new ServeContext();
  expect(context.serve(context.index)).toBeLessThan(0);
});

test('closing twice is fine', () => {
  const context = new ServeContext();
  context.close();
  context.close();
});
