/** A problem of one size. */
export interface Problem {
  /** How often its parts are computed, one time after the other. */
  readonly steps: number;
  /** The inputs of so many invocations, which together are the problem. */
  parts(count: number): Uint8Array[];
}

/** What a function of native-shims/bench/applications.c computes. */
export interface Application {
  readonly name: string;
  /** The problem, as many times as large as scale 1. */
  problem(scale: number): Problem;
}

const OPTION_DOUBLES = 5;
const HEADER_DOUBLES = 8;

/** The applications of the reference's paper, with problems that take milliseconds; `isQuick`: microseconds. */
export function applications(isQuick: boolean): readonly Application[] {
  return [
    { name: 'black_scholes', problem: (scale) => blackScholes(scale * (isQuick ? 100 : 200_000)) },
    { name: 'matrix_rows', problem: (scale) => matrix(isQuick ? 8 : 300, scale) },
    { name: 'jacobi_rows', problem: (scale) => jacobi(isQuick ? 16 : 1000, scale, isQuick ? 2 : 20) },
  ];
}

function blackScholes(count: number): Problem {
  return {
    steps: 1,
    parts: (parts) =>
      shares(count, parts).map((options) => {
        const values = new Float64Array(options * OPTION_DOUBLES);
        for (let i = 0; i < options; i++)
          values.set([100, 90 + (i % 20), 0.01, 0.2 + (i % 7) / 100, 1], 5 * i);
        return bytesOf(values);
      }),
  };
}

/** `scale` times as many rows of A. */
function matrix(n: number, scale: number): Problem {
  const filled = (rows: number): Float64Array => {
    const values = new Float64Array(HEADER_DOUBLES + (rows + n) * n);
    values.forEach((_, i) => (values[i] = (i % 17) / 17));
    values[0] = n;
    return values;
  };
  return { steps: 1, parts: (parts) => shares(n * scale, parts).map((rows) => bytesOf(filled(rows))) };
}

/** `scale` times as many lines. The lines between parts are not exchanged: what is measured is time. */
function jacobi(n: number, scale: number, steps: number): Problem {
  const filled = (rows: number): Float64Array => {
    const values = new Float64Array(HEADER_DOUBLES + (rows + 2) * n).fill(1);
    values[0] = n;
    return values;
  };
  return { steps, parts: (parts) => shares(n * scale, parts).map((rows) => bytesOf(filled(rows))) };
}

/** `total` in `parts` numbers as equal as can be, none of them 0. */
function shares(total: number, parts: number): number[] {
  return Array.from({ length: parts }, (_, i) =>
    Math.max(1, Math.floor(((i + 1) * total) / parts) - Math.floor((i * total) / parts)),
  );
}

function bytesOf(values: Float64Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
