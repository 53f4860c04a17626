/** One part of a problem, as one worker sees it. */
export interface Part {
  /** The input of an invocation in each step; what the steps change in it is changed by {@link Problem.exchange}. */
  readonly input: Uint8Array;
  /** Bytes of its output. */
  readonly outputBytes: number;
  /** What is invoked once before the first step, if anything: it gives the worker its part. */
  readonly start?: Uint8Array | undefined;
  /** What is invoked once after the last step, and the bytes of its output: the worker's part again. */
  readonly finish?: { readonly input: Uint8Array; readonly outputBytes: number } | undefined;
}

/** A problem of one size, cut into parts. */
export interface Problem {
  /** How often its parts are computed, one time after the other. */
  readonly steps: number;
  readonly parts: readonly Part[];
  /** After each step: hands on what the parts must know of each other. */
  exchange?: ((outputs: readonly Uint8Array[]) => void) | undefined;
}

/** What functions of native-shims/bench/applications.c compute. */
export interface Application {
  readonly name: string;
  /** The function of a step, and those before and after all steps. */
  readonly functions: {
    readonly step: string;
    readonly start?: string | undefined;
    readonly finish?: string | undefined;
  };
  /** The problem, as many times as large as scale 1, in so many parts. */
  problem(scale: number, parts: number): Problem;
}

const OPTION_DOUBLES = 5;
const HEADER_DOUBLES = 8;
const DOUBLE = Float64Array.BYTES_PER_ELEMENT;

/** The applications of the reference's paper, with problems that take milliseconds; `isQuick`: microseconds. */
export function applications(isQuick: boolean): readonly Application[] {
  return [
    {
      name: 'Black-Scholes',
      functions: { step: 'black_scholes' },
      problem: (scale, parts) => blackScholes(scale * (isQuick ? 100 : 200_000), parts),
    },
    {
      name: 'matrix multiplication',
      functions: { step: 'matrix_rows' },
      problem: (scale, parts) => matrix(isQuick ? 8 : 300, scale, parts),
    },
    {
      name: 'Jacobi',
      functions: { step: 'jacobi_step', start: 'jacobi_start', finish: 'jacobi_finish' },
      problem: (scale, parts) => jacobi({ n: isQuick ? 16 : 1000, scale, steps: isQuick ? 2 : 20, parts }),
    },
  ];
}

function blackScholes(count: number, parts: number): Problem {
  return {
    steps: 1,
    parts: shares(count, parts).map((options) => {
      const values = new Float64Array(options * OPTION_DOUBLES);
      for (let i = 0; i < options; i++) {
        values.set([100, 90 + (i % 20), 0.01, 0.2 + (i % 7) / 100, 1], OPTION_DOUBLES * i);
      }
      return { input: bytesOf(values), outputBytes: options * DOUBLE };
    }),
  };
}

/** `scale` times as many rows of A. */
function matrix(n: number, scale: number, parts: number): Problem {
  const filled = (rows: number): Float64Array => {
    const values = new Float64Array(HEADER_DOUBLES + (rows + n) * n);
    values.forEach((_, i) => (values[i] = (i % 17) / 17));
    values[0] = n;
    return values;
  };
  return {
    steps: 1,
    parts: shares(n * scale, parts).map((rows) => ({
      input: bytesOf(filled(rows)),
      outputBytes: rows * n * DOUBLE,
    })),
  };
}

interface JacobiSize {
  readonly n: number;
  /** Times as many lines. */
  readonly scale: number;
  readonly steps: number;
  readonly parts: number;
}

/**
 * A grid of `n * scale` lines of `n` values, with a hot line above and cold ones around. Each worker keeps its lines; with every
 * step it is given the neighbours' nearest lines, and gives back its own first and last.
 */
function jacobi({ n, scale, steps, parts }: JacobiSize): Problem {
  const rows = shares(n * scale, parts);
  const inputs = rows.map((_, part) => {
    const values = new Float64Array(HEADER_DOUBLES + 2 * n);
    values[0] = n;
    values[1] = part;
    // Above the first part it is hot, and stays so.
    if (part === 0) values.fill(1, HEADER_DOUBLES, HEADER_DOUBLES + n);
    return values;
  });
  return {
    steps,
    parts: rows.map((own, part) => ({
      input: bytesOf(inputs[part] as Float64Array),
      outputBytes: 2 * n * DOUBLE,
      start: bytesOf(Float64Array.from({ length: HEADER_DOUBLES }, (_, i) => [n, part, own][i] ?? 0)),
      finish: {
        input: bytesOf(Float64Array.from({ length: HEADER_DOUBLES }, (_, i) => [n, part][i] ?? 0)),
        outputBytes: own * n * DOUBLE,
      },
    })),
    exchange(outputs) {
      outputs.forEach((output, part) => {
        const lines = new Float64Array(output.buffer, output.byteOffset, 2 * n);
        inputs[part - 1]?.set(lines.subarray(0, n), HEADER_DOUBLES + n);
        inputs[part + 1]?.set(lines.subarray(n), HEADER_DOUBLES);
      });
    },
  };
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
