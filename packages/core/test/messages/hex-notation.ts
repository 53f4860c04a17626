/** Bytes as hexadecimal digits, in which eight or more zero bytes in a row are written as their number: `(57)`. */
export function toHexNotation(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('hex')
    .match(/../g)!
    .join(' ')
    .replace(/(?:00 ){7,}00/g, (run) => `(${(run.length + 1) / 3})`);
}

/** The inverse of {@link toHexNotation}. */
export function fromHexNotation(notation: string): Uint8Array {
  const digits = notation.replace(/\((\d+)\)/g, (_run, count: string) => '00'.repeat(Number(count)));
  return new Uint8Array(Buffer.from(digits.replaceAll(' ', ''), 'hex'));
}
