/** What piscina's worker thread runs. */
export function echo(payload: Uint8Array): Uint8Array {
  return payload;
}
