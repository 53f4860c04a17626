import { expect, test } from '@jest/globals';
import { firstPlace, type FirstPlaceOptions } from '../src/first-place.ts';

function options(
  attempt: FirstPlaceOptions<string>['attempt'],
  more: Partial<FirstPlaceOptions<string>> = {},
): FirstPlaceOptions<string> {
  return {
    places: ['a', 'b', 'c'],
    attempt,
    discard: () => Promise.resolve(),
    isFinal: () => false,
    firstBackoffMs: 1,
    longestBackoffMs: 4,
    signal: AbortSignal.timeout(20_000),
    ...more,
  };
}

/** Rejects when it is told that it is too late. */
function silence(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('too late')), { once: true });
  });
}

test('a place that does not answer keeps nobody from the next one, and is given up then', async () => {
  const signals: AbortSignal[] = [];
  const found = await firstPlace(
    options((place, signal) => {
      signals.push(signal);
      return place === 'b' ? Promise.resolve('welcome to b') : silence(signal);
    }),
  );
  expect(found).toBe('welcome to b');
  expect(signals.every(({ aborted }) => aborted)).toBe(true);
});

test('places are tried again until one takes us', async () => {
  const attempts: string[] = [];
  const failures: string[] = [];
  const found = await firstPlace(
    options(
      (place) => {
        attempts.push(place);
        return attempts.length < 10 ? Promise.reject(new Error(`not ${place}`)) : Promise.resolve(place);
      },
      { onFailure: (error, place) => failures.push(`${place}: ${String(error)}`) },
    ),
  );
  expect(found).toBe(attempts[9]);
  expect(failures).toHaveLength(9);
  expect(failures[0]).toBe('a: Error: not a');
});

test('what comes too late is discarded', async () => {
  const discarded: string[] = [];
  let late: (value: string) => void = () => undefined;
  const waiting = firstPlace(
    options(
      (place) =>
        place === 'a' ? new Promise((resolve) => (late = resolve)) : Promise.resolve(`welcome to ${place}`),
      { discard: async (value) => void discarded.push(value) },
    ),
  );
  expect(await waiting).toBe('welcome to b');
  late('welcome to a, at last');
  await new Promise((resolve) => setImmediate(resolve));
  expect(discarded).toEqual(['welcome to a, at last']);
});

test('a final error ends all attempts, as does the signal', async () => {
  const wrongKey = new Error('wrong key');
  await expect(
    firstPlace(
      options((place, signal) => (place === 'b' ? Promise.reject(wrongKey) : silence(signal)), {
        isFinal: (error) => error === wrongKey,
      }),
    ),
  ).rejects.toBe(wrongKey);
  const stop = new AbortController();
  const waiting = firstPlace(options((_place, signal) => silence(signal), { signal: stop.signal }));
  stop.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
  await expect(firstPlace(options(() => Promise.resolve('x'), { signal: stop.signal }))).rejects.toThrow(
    'enough',
  );
});
