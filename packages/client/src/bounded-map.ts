import { requireInteger } from './allocate-options.ts';

/** Inputs at hand or to come. */
export type MapInputs = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/**
 * Calls `work` for each input with at most `concurrency` under way, and returns the results in the order of the inputs.
 * After a failure no further input is taken; the first failure rejects once those under way are over.
 */
export async function boundedMap<Result>(
  inputs: MapInputs,
  concurrency: number,
  work: (input: Uint8Array) => Promise<Result>,
): Promise<Result[]> {
  requireInteger('concurrency', concurrency, 1, Number.MAX_SAFE_INTEGER, 'invocations in flight at once');
  const run = new BoundedRun<Result>(concurrency);
  const iterator: Iterator<Uint8Array, unknown> | AsyncIterator<Uint8Array, unknown> =
    Symbol.asyncIterator in inputs ? inputs[Symbol.asyncIterator]() : inputs[Symbol.iterator]();
  try {
    while (run.failure === undefined) {
      // Inputs at hand are taken without a turn of the event loop in between, so that all threads start at once.
      const next = iterator.next();
      const step = next instanceof Promise ? await next : next;
      if (step.done === true) break;
      run.start(work(step.value));
      if (run.isFull) await run.oneDone();
    }
    if (run.failure !== undefined) await iterator.return?.();
  } catch (error) {
    run.fail(error);
  }
  await run.allDone();
  if (run.failure !== undefined) throw run.failure.error;
  return run.results;
}

class BoundedRun<Result> {
  readonly results: Result[] = [];
  failure: { readonly error: unknown } | undefined;
  readonly #concurrency: number;
  #started = 0;
  #underWay = 0;
  #wake: (() => void) | undefined;

  constructor(concurrency: number) {
    this.#concurrency = concurrency;
  }

  get isFull(): boolean {
    return this.#underWay >= this.#concurrency;
  }

  start(task: Promise<Result>): void {
    const index = this.#started;
    this.#started += 1;
    this.#underWay += 1;
    task.then(
      (result) => {
        this.results[index] = result;
        this.#done();
      },
      (error: unknown) => {
        this.fail(error);
        this.#done();
      },
    );
  }

  /** The first failure counts. */
  fail(error: unknown): void {
    this.failure ??= { error };
  }

  async oneDone(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  async allDone(): Promise<void> {
    while (this.#underWay > 0) await this.oneDone();
  }

  #done(): void {
    this.#underWay -= 1;
    this.#wake?.();
    this.#wake = undefined;
  }
}
