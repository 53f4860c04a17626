import { getEventListeners } from 'node:events';
import { expect, test } from '@jest/globals';
import { SignalWatch } from '../src/signal-watch.ts';

test('many callbacks of a signal are one listener, which goes with the last of them', () => {
  const watch = new SignalWatch();
  const { signal } = new AbortController();
  const stops = Array.from({ length: 100 }, () => watch.watch(signal, () => undefined));
  expect(getEventListeners(signal, 'abort')).toHaveLength(1);
  stops.forEach((stop) => stop());
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
});

test('every callback of the signal that fired is called once, and none of others', () => {
  const watch = new SignalWatch();
  const [fires, stays] = [new AbortController(), new AbortController()];
  const called: string[] = [];
  const stop = watch.watch(fires.signal, () => {
    called.push('first');
    stop();
  });
  watch.watch(fires.signal, () => called.push('second'));
  const third = watch.watch(fires.signal, () => called.push('third'));
  watch.watch(stays.signal, () => called.push('other'));
  third();
  fires.abort();
  expect(called).toEqual(['first', 'second']);
});
