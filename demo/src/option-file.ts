import { readFile } from 'node:fs/promises';
import type { Option } from './black-scholes.ts';

/** Doubles that an option takes in the native function's input. */
export const DOUBLES_PER_OPTION = 6;

/**
 * Reads options from a CSV file with the columns spot, strike, rate, volatility, years, kind.
 *
 * @throws Error naming the line that is not an option
 */
export async function readOptions(path: string): Promise<Option[]> {
  const lines = (await readFile(path, 'utf8')).trimEnd().split('\n').slice(1);
  return lines.map((line, index) => {
    const fields = line.split(',');
    const [spot = NaN, strike = NaN, rate = NaN, volatility = NaN, years = NaN] = fields
      .slice(0, 5)
      .map(Number);
    const kind = fields[5];
    if (
      ![spot, strike, rate, volatility, years].every(Number.isFinite) ||
      (kind !== 'call' && kind !== 'put')
    ) {
      throw new Error(
        `${path}, line ${index + 2}: "${line}" is not spot,strike,rate,volatility,years,call|put`,
      );
    }
    return { spot, strike, rate, volatility, years, isPut: kind === 'put' };
  });
}

/** Options as the native function takes them: `struct option` in functions/options.c, one after the other. */
export function encodeOptions(options: readonly Option[]): Float64Array<ArrayBuffer> {
  const encoded = new Float64Array(options.length * DOUBLES_PER_OPTION);
  options.forEach((option, index) => {
    const { spot, strike, rate, volatility, years, isPut } = option;
    encoded.set([spot, strike, rate, volatility, years, isPut ? 1 : 0], index * DOUBLES_PER_OPTION);
  });
  return encoded;
}
