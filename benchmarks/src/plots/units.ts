/** A quantity on an axis: how its numbers are written. */
export type Unit =
  'bytes' | 'nanoseconds' | 'bytes-per-second' | 'per-second' | 'count' | 'ratio' | 'percent';

const DURATIONS = ['ns', 'µs', 'ms', 's'];
const SIZES = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
const COUNTS = ['', 'k', 'M', 'G'];

/** A number as people write it: `formatQuantity(1_048_576, 'bytes')` is `1 MiB`. */
export function formatQuantity(value: number, unit: Unit): string {
  switch (unit) {
    case 'bytes':
      return scaled(value, 1024, SIZES);
    case 'nanoseconds':
      return scaled(value, 1000, DURATIONS);
    case 'bytes-per-second':
      return `${scaled(value, 1000, ['B', 'kB', 'MB', 'GB', 'TB'])}/s`;
    case 'per-second':
      return `${scaled(value, 1000, COUNTS)}/s`;
    case 'count':
      return scaled(value, 1000, COUNTS);
    case 'ratio':
      return `${rounded(value)} ×`;
    case 'percent':
      return `${rounded(value)} %`;
  }
}

function scaled(value: number, step: number, units: readonly string[]): string {
  let index = 0;
  let rest = value;
  while (Math.abs(rest) >= step && index < units.length - 1) {
    rest /= step;
    index += 1;
  }
  return `${rounded(rest)} ${units[index] ?? ''}`.trimEnd();
}

/** Three digits that count, without trailing zeros. */
function rounded(value: number): string {
  return String(Number(value.toPrecision(Math.abs(value) >= 1000 ? 4 : 3)));
}
