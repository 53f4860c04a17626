import { expect, test } from '@jest/globals';
import { PassThrough } from 'node:stream';
import { OutputTail } from '../../src/launchers/output-tail.ts';

async function follow(...pieces: readonly string[]): Promise<{ lines: string[]; tail: OutputTail }> {
  const lines: string[] = [];
  const tail = new OutputTail((line) => lines.push(line));
  const stream = new PassThrough();
  tail.follow(stream);
  for (const piece of pieces) {
    stream.write(piece);
  }
  stream.end();
  await new Promise((resolve) => stream.once('close', resolve));
  return { lines, tail };
}

test('lines are passed on as they come, in whatever pieces', async () => {
  const { lines, tail } = await follow('one\ntw', 'o\n\nthree');
  expect(lines).toEqual(['one', 'two']);
  expect(tail.toString()).toBe('one | two | three');
});

test('only the last ones are kept, and long ones are cut', async () => {
  const { tail } = await follow(...Array.from({ length: 100 }, (_, index) => `line ${index}\n`));
  expect(tail.toString()).toBe('line 97 | line 98 | line 99');
  const endless = await follow('x'.repeat(1_000_000));
  expect(endless.tail.toString().length).toBe(200);
});

test('nobody else moves the cursor of whoever reads the log', async () => {
  const { lines } = await follow('\u001b[2Jred\u0007\u009b31m\n');
  expect(lines).toEqual(['[2Jred  31m']);
});
