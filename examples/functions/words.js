// Functions for examples: they get the input and a place for the output, and return how many bytes they wrote there.

/** Text in, text in capitals out. */
export function capitals(input, output) {
  const text = new TextDecoder().decode(input).toUpperCase();
  return new TextEncoder().encodeInto(text, output).written;
}

/** Text in, the number of its words out (32 bits, little-endian). */
export function countWords(input, output) {
  const words = new TextDecoder().decode(input).match(/\S+/g) ?? [];
  new DataView(output.buffer, output.byteOffset).setUint32(0, words.length, true);
  return 4;
}
