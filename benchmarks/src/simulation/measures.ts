/**
 * How much of what is free is of no use to a lease of `cores` cores on one node: 0 if every free core could be part of one
 * such lease, 1 if none could.
 */
export function fragmentation(freeCores: Iterable<number>, cores: number): number {
  let all = 0;
  let usable = 0;
  for (const free of freeCores) {
    all += free;
    usable += Math.floor(free / cores) * cores;
  }
  return all === 0 ? 0 : 1 - usable / all;
}

/** Jain's index of fairness: 1 if all have the same, 1/n if one of n has everything. */
export function jain(values: readonly number[]): number {
  const sum = values.reduce((total, value) => total + value, 0);
  const squares = values.reduce((total, value) => total + value * value, 0);
  return squares === 0 ? 1 : (sum * sum) / (values.length * squares);
}

/** A number that holds from one moment to the next, averaged over time. */
export class TimeAverage {
  #since: number;
  #value = 0;
  #area = 0;
  #start: number;

  constructor(now: number) {
    this.#start = this.#since = now;
  }

  /** The number is `value` from `now` on. */
  set(now: number, value: number): void {
    this.#area += this.#value * (now - this.#since);
    this.#since = now;
    this.#value = value;
  }

  /** The average from the start until `now`; the number itself if no time has passed. */
  average(now: number): number {
    this.set(now, this.#value);
    return now === this.#start ? this.#value : this.#area / (now - this.#start);
  }
}
