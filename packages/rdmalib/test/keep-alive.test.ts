import { describe, expect, test } from '@jest/globals';
import { KeepAlive, looksPerTimeout } from '../src/messages/keep-alive.ts';

/** What so many looks, one an interval, lead to. */
const looks = (keepAlive: KeepAlive, count: number, first = 1): string[] =>
  Array.from({ length: count }, (_, index) => keepAlive.look((first + index) * keepAlive.intervalMs));

describe('a silent peer', () => {
  test('is asked once, after a quarter of its time, and is lost at the end of it', () => {
    const verdicts = looks(new KeepAlive(800, 0), looksPerTimeout);
    expect(verdicts).toEqual(['wait', 'ask', 'wait', 'wait', 'wait', 'wait', 'wait', 'lost']);
  });

  test('that gives a sign of life has its whole time again', () => {
    const keepAlive = new KeepAlive(800, 0);
    expect(looks(keepAlive, looksPerTimeout - 1)).not.toContain('lost');
    keepAlive.heard();
    expect(looks(keepAlive, looksPerTimeout - 1, looksPerTimeout)).not.toContain('lost');
    expect(keepAlive.look(2000)).toBe('lost');
  });

  test('has longer until its first word where connecting may take longer, and its time from then on', () => {
    const greeted = new KeepAlive(800, 0, 1600);
    expect(looks(greeted, 2 * looksPerTimeout - 1)).not.toContain('lost');
    greeted.heard();
    expect(looks(greeted, looksPerTimeout, 2 * looksPerTimeout).indexOf('lost')).toBe(looksPerTimeout - 1);
    expect(looks(new KeepAlive(800, 0, 1600), 2 * looksPerTimeout).indexOf('lost')).toBe(
      2 * looksPerTimeout - 1,
    );
    expect(looks(new KeepAlive(800, 0, 100), looksPerTimeout).indexOf('lost')).toBe(looksPerTimeout - 1);
  });

  test('is looked at once an interval, however often that is asked for', () => {
    const keepAlive = new KeepAlive(800, 0);
    for (let now = 0; now < 680; now += 1) expect(keepAlive.look(now)).not.toBe('lost');
  });

  test('is not lost because nobody looked at it for long', () => {
    const keepAlive = new KeepAlive(800, 0);
    expect(keepAlive.look(1_000_000)).toBe('wait');
  });

  test('may be silent for ever without a time-out', () => {
    const keepAlive = new KeepAlive(Infinity, 0);
    expect(keepAlive.look(Number.MAX_VALUE)).toBe('wait');
  });
});
