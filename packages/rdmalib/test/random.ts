/** A repeatable stream of numbers in [0, 1), so that a failing property can be run again. */
export function randomStream(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    // Numerical Recipes' linear congruence: plenty for choosing test steps.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 0x1_0000_0000;
  };
}
