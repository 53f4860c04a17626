/** One European option: prices in one currency, rate and volatility per year. */
export interface Option {
  readonly spot: number;
  readonly strike: number;
  readonly rate: number;
  readonly volatility: number;
  readonly years: number;
  readonly isPut: boolean;
}

/** Within this distance of the middle the series for the normal distribution converges fast. */
const SERIES_LIMIT = 3;
/** Terms of the continued fraction: far more than |x| > 3 needs for full double precision. */
const FRACTION_TERMS = 120;

/**
 * The price of an option after Black and Scholes (1973), by put-call parity for puts. Shares neither code nor method with the
 * C function that it checks: that one has `erfc` of the C library.
 */
export function blackScholesPrice(option: Option): number {
  const { spot, strike, rate, volatility, years } = option;
  const deviation = volatility * Math.sqrt(years);
  const moneyness = Math.log(spot / strike) + rate * years;
  const discounted = strike * Math.exp(-rate * years);
  const call =
    spot * normalDistribution(moneyness / deviation + deviation / 2) -
    discounted * normalDistribution(moneyness / deviation - deviation / 2);
  return option.isPut ? call - spot + discounted : call;
}

/**
 * The standard normal distribution function: Marsaglia's series (Evaluating the Normal Distribution, 2004) near the middle,
 * Laplace's continued fraction in the tails.
 */
export function normalDistribution(x: number): number {
  const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
  if (Math.abs(x) > SERIES_LIMIT) {
    let fraction = Math.abs(x);
    for (let term = FRACTION_TERMS; term >= 1; term -= 1) fraction = Math.abs(x) + term / fraction;
    const tail = density / fraction;
    return x < 0 ? tail : 1 - tail;
  }
  let term = x;
  let sum = x;
  for (let divisor = 3; Math.abs(term) > Number.EPSILON * Math.abs(sum); divisor += 2) {
    term *= (x * x) / divisor;
    sum += term;
  }
  return 0.5 + sum * density;
}
