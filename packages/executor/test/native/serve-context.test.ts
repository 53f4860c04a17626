import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from '@jest/globals';
import { ServeContext, type ContextCollector } from '../../src/native/serve-context.ts';
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

test('the memory of closed contexts goes back once nobody looks at it', async () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const collector = ServeContext.collector();
  const addresses = openAndClose(100, collector);
  const deadline = Date.now() + 20_000;
  while (addresses.some(isMapped) && Date.now() < deadline) {
    collectGarbage();
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(addresses.filter(isMapped)).toEqual([]);
});

function openAndClose(count: number, collector: ContextCollector): number[] {
  const contexts = Array.from({ length: count }, () => new ServeContext(collector));
  expect(contexts.every(({ address }) => isMapped(address))).toBe(true);
  contexts.forEach((context) => context.close());
  return contexts.map(({ address }) => address);
}

function isMapped(address: number): boolean {
  return readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .some((line) => {
      const [from = 0, to = 0] = (line.split(' ')[0] ?? '')
        .split('-')
        .map((text) => Number.parseInt(text, 16));
      return from <= address && address < to;
    });
}

test('closing twice is fine', () => {
  const context = new ServeContext();
  context.close();
  context.close();
});
