import { describe, expect, test } from '@jest/globals';
import { KeepAlive, looksPerTimeout } from '../src/messages/keep-alive.ts';

const looks = (keepAlive: KeepAlive, count: number): string[] =>
  Array.from({ length: count }, () => keepAlive.look());

describe('a silent peer', () => {
  test('is asked once, in the middle of its time, and is lost at the end of it', () => {
    const verdicts = looks(new KeepAlive(), looksPerTimeout);
    expect(verdicts).toEqual(['wait', 'wait', 'wait', 'ask', 'wait', 'wait', 'wait', 'lost']);
  });

  test('that gives a sign of life has its whole time again', () => {
    const keepAlive = new KeepAlive();
    expect(looks(keepAlive, looksPerTimeout - 1)).not.toContain('lost');
    keepAlive.heard();
    expect(looks(keepAlive, looksPerTimeout - 1)).not.toContain('lost');
    expect(keepAlive.look()).toBe('lost');
  });
});
