import type { Random } from '@rfaas/resource-manager';

/** Times between events that happen independently of each other, `mean` apart on average. */
export function exponential(random: Random, mean: number): number {
  return -mean * Math.log(1 - random());
}

/** Values around `median` whose logarithm is normal with standard deviation `sigma`: many small ones, few very large ones. */
export function logNormal(random: Random, median: number, sigma: number): number {
  // Box and Muller's method.
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return median * Math.exp(sigma * normal);
}

/** A choice among values, each as likely as its weight says. */
export class WeightedChoice<T> {
  readonly #values: readonly T[];
  readonly #sums: readonly number[];

  /** @throws RangeError if there is nothing to choose from */
  constructor(choices: readonly (readonly [value: T, weight: number])[]) {
    if (choices.length === 0) throw new RangeError('there is nothing to choose from');
    let sum = 0;
    this.#values = choices.map(([value]) => value);
    this.#sums = choices.map(([, weight]) => (sum += weight));
  }

  choose(random: Random): T {
    const aim = random() * (this.#sums.at(-1) ?? 0);
    let [low, high] = [0, this.#sums.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#sums[middle] as number) > aim) high = middle;
      else low = middle + 1;
    }
    return this.#values[low] as T;
  }
}

/** Names whose weights fall as in Zipf's law: the n-th has `1 / n ** exponent` of the first. */
export function zipf(names: readonly string[], exponent: number): (readonly [string, number])[] {
  return names.map((name, index) => [name, 1 / (index + 1) ** exponent]);
}
