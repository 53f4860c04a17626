import { expect, test } from '@jest/globals';
import { OutputViews } from '../../src/thread/output-views.ts';
import { PlayedContext } from './played-context.ts';

const own = [0, 1].map((slot) => ({
  address: 0x10_0000 * (slot + 1),
  bytes: new Uint8Array(8192).fill(slot),
}));

test("a request without a mapping writes at the end of its slot's own output", () => {
  const context = new PlayedContext();
  const views = new OutputViews(context.asContext(), own);
  context.request({ slot: 1, output: 0x20_0000 + 8192 - 128, capacity: 100 });
  const view = views.view(1);
  expect([view.buffer, view.byteOffset, view.length]).toEqual([own[1]?.bytes.buffer, 8192 - 128, 100]);
});

test('the same place and capacity give the same view', () => {
  const context = new PlayedContext();
  const views = new OutputViews(context.asContext(), own);
  context.request({ slot: 0, output: 0x10_0000 + 64, capacity: 64 });
  const view = views.view(0);
  expect(views.view(0)).toBe(view);
  context.request({ slot: 0, output: 0x10_0000, capacity: 128 });
  expect(views.view(0).length).toBe(128);
});

test('mapped memory is viewed once, whatever place in it a request names', () => {
  const context = new PlayedContext();
  const base = 0x7f00_0000_0000;
  context.memory.set(base, new Uint8Array(4096).fill(9));
  const views = new OutputViews(context.asContext(), own);
  const mapping = { number: 5, address: base, bytes: 4096 };
  context.request({ slot: 0, output: base + 4032, capacity: 64, mapping });
  const first = views.view(0);
  context.request({ slot: 1, output: base + 3968, capacity: 128, mapping });
  const second = views.view(1);
  expect(second.buffer).toBe(first.buffer);
  expect([first.byteOffset, second.byteOffset]).toEqual([4032, 3968]);
  expect(context.viewed).toEqual([base]);
});

test('another mapping at the same address is other memory', () => {
  const context = new PlayedContext();
  const base = 0x7f00_0000_0000;
  context.memory.set(base, new Uint8Array(4096));
  const views = new OutputViews(context.asContext(), own);
  context.request({
    slot: 0,
    output: base,
    capacity: 64,
    mapping: { number: 1, address: base, bytes: 4096 },
  });
  const before = views.view(0);
  context.request({
    slot: 0,
    output: base,
    capacity: 64,
    mapping: { number: 2, address: base, bytes: 4096 },
  });
  expect(views.view(0)).not.toBe(before);
});
