import type { Executor } from '@rfaas/client';
import { blackScholesPrice, type Option } from './black-scholes.ts';
import { encodeOptions } from './option-file.ts';

/** Options priced by one invocation. */
const OPTIONS_PER_INVOCATION = 128;
/** Both implementations are good to some 1e-13; prices are below 1000. */
const TOLERANCE = 1e-9;

/** What became of the options. */
export interface PricingResult {
  readonly invocations: number;
  readonly priced: number;
  /** The largest distance to this process's own prices. */
  readonly largestDifference: number;
}

/**
 * Prices options with the native function `black_scholes` on all threads of an executor and checks every price.
 *
 * @throws Error naming the first option with a wrong price
 */
export async function priceOptions(executor: Executor, options: readonly Option[]): Promise<PricingResult> {
  const batches: Option[][] = [];
  for (let start = 0; start < options.length; start += OPTIONS_PER_INVOCATION) {
    batches.push(options.slice(start, start + OPTIONS_PER_INVOCATION));
  }
  const inputs = batches.map((batch) => new Uint8Array(encodeOptions(batch).buffer));
  const outputs = await executor.map('black_scholes', inputs);
  const prices = outputs.flatMap((output) => [...asDoubles(output)]);
  if (prices.length !== options.length)
    throw new Error(`${prices.length} prices came back for ${options.length} options`);
  let largestDifference = 0;
  for (const [index, option] of options.entries()) {
    const expected = blackScholesPrice(option);
    const price = prices[index] ?? NaN;
    const difference = Math.abs(price - expected);
    // Written so that NaN is wrong, too.
    if (!(difference <= TOLERANCE)) {
      throw new Error(
        `option ${index} ${JSON.stringify(option)}: the executor says ${price}, it is ${expected}`,
      );
    }
    largestDifference = Math.max(largestDifference, difference);
  }
  return { invocations: batches.length, priced: prices.length, largestDifference };
}

function asDoubles(bytes: Uint8Array): Float64Array {
  return new Float64Array(bytes.slice().buffer);
}
