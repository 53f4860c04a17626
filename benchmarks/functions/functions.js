// The JavaScript functions that benchmarks invoke.

/** Copies its input to its output. */
export function echo(input, output) {
  output.set(input);
  return input.length;
}

/** Does nothing at all. */
export function nothing() {
  return 0;
}

/** The same as a promise. */
export async function later() {
  return 0;
}

/** How many bytes of its thread's JavaScript heap are in use, as one double. */
export function heap(input, output) {
  new DataView(output.buffer, output.byteOffset).setFloat64(0, process.memoryUsage().heapUsed, true);
  return 8;
}
