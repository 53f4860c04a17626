import { describe, expect, test } from '@jest/globals';
import { boundedMap } from '../src/bounded-map.ts';

function input(value: number): Uint8Array {
  return Uint8Array.of(value);
}

/** Work whose end the test decides. */
class ManualWork {
  readonly started: number[] = [];
  readonly #ends = new Map<number, { resolve: (value: number) => void; reject: (error: Error) => void }>();

  readonly run = (bytes: Uint8Array): Promise<number> => {
    const value = bytes[0]!;
    this.started.push(value);
    return new Promise((resolve, reject) => this.#ends.set(value, { resolve, reject }));
  };

  async finish(value: number): Promise<void> {
    this.#ends.get(value)!.resolve(value * 10);
    await turn();
  }

  async fail(value: number): Promise<void> {
    this.#ends.get(value)!.reject(new Error(`${value} failed`));
    await turn();
  }
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe('boundedMap', () => {
  test('results come in the order of the inputs, whatever is done first', async () => {
    const work = new ManualWork();
    const done = boundedMap([1, 2, 3].map(input), 3, work.run);
    expect(work.started).toEqual([1, 2, 3]);
    await work.finish(3);
    await work.finish(1);
    await work.finish(2);
    expect(await done).toEqual([10, 20, 30]);
  });

  test('inputs at hand start together, up to the bound, without a turn in between', async () => {
    const work = new ManualWork();
    const done = boundedMap([1, 2, 3, 4].map(input), 2, work.run);
    expect(work.started).toEqual([1, 2]);
    await work.finish(2);
    expect(work.started).toEqual([1, 2, 3]);
    await work.finish(1);
    await work.finish(3);
    await work.finish(4);
    expect(await done).toEqual([10, 20, 30, 40]);
  });

  test('after a failure no input is taken, and those under way are waited for', async () => {
    const work = new ManualWork();
    const done = boundedMap([1, 2, 3, 4].map(input), 2, work.run);
    let settled = false;
    const outcome = done.then(
      () => 'resolved',
      (error: Error) => error.message,
    );
    void outcome.then(() => (settled = true));
    await work.fail(1);
    await turn();
    expect(work.started).toEqual([1, 2]);
    expect(settled).toBe(false);
    await work.finish(2);
    expect(await outcome).toBe('1 failed');
  });

  test('asynchronous inputs are taken as they come and closed after a failure', async () => {
    let closed = false;
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        for (let value = 1; ; value += 1) yield input(value);
      } finally {
        closed = true;
      }
    }
    const failing = async (bytes: Uint8Array): Promise<number> => {
      if (bytes[0] === 5) throw new Error('five');
      return bytes[0]!;
    };
    await expect(boundedMap(source(), 2, failing)).rejects.toThrow('five');
    expect(closed).toBe(true);
  });

  test('inputs that throw reject', async () => {
    function* source(): Generator<Uint8Array> {
      yield input(1);
      throw new Error('no more');
    }
    await expect(boundedMap(source(), 4, async () => 1)).rejects.toThrow('no more');
  });

  test('no inputs give no outputs, and a bound below one is refused', async () => {
    expect(await boundedMap([], 4, async () => 1)).toEqual([]);
    await expect(boundedMap([input(1)], 0, async () => 1)).rejects.toThrow('concurrency cannot be 0');
  });
});
