/** A source of random numbers: each call gives one from 0 up to but not including 1. `Math.random` is one. */
export type Random = () => number;

/** The same random numbers in every run with the same seed: Weyl's sequence through a mixing function, of period 2³². */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e37_79b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x85eb_ca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32;
  };
}
