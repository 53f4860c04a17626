import { expect, test } from '@jest/globals';
import { InputViews } from '../../src/thread/input-views.ts';

const stride = 4096;
const slots = 4;

function newViews(): { memory: Uint8Array; views: InputViews } {
  const memory = new Uint8Array(slots * stride).map((_, index) => index % 251);
  return { memory, views: new InputViews(memory, slots, stride, 64) };
}

test('a view is the input of its slot', () => {
  const { memory, views } = newViews();
  for (const slot of [0, 1, 3]) {
    const start = slot * stride + 64;
    expect(views.view(slot, 100)).toEqual(memory.subarray(start, start + 100));
  }
});

test('the same slot and length give the same view, also after others', () => {
  const { views } = newViews();
  const first = views.view(2, 64);
  expect(views.view(2, 64)).toBe(first);
  expect(views.view(2, 65)).not.toBe(first);
  expect(views.view(1, 64)).not.toBe(first);
  expect(views.view(2, 64)).toBe(first);
});

test('many different lengths are right, and an input may be empty', () => {
  const { memory, views } = newViews();
  for (let length = 0; length < 500; length += 1) {
    const view = views.view(1, length);
    expect(view.length).toBe(length);
    expect(view.byteOffset).toBe(memory.byteOffset + stride + 64);
  }
});
