/**
 * The words of `struct rfaas_invoke_context` (native-shims/include/rfaas_loops.h), which the native `invoke` loop works
 * on and TypeScript fills in place. 64-bit fields take two words, low one first.
 */
export const word = {
  table: 0,
  endpoint: 2,
  queue: 4,
  headerRegion: 6,
  headerAddress: 8,
  slotOffset: 10,
  slotStride: 12,
  slotTarget: 14,
  slotMask: 15,
  inputRegion: 16,
  inputOffset: 18,
  resultAddress: 20,
  resultKey: 22,
  inputBytes: 24,
  resultCapacity: 25,
  invocationId: 26,
  functionIndex: 27,
  flags: 28,
  microseconds: 29,
  status: 30,
  outputBytes: 31,
  otherCount: 32,
  spareReceives: 33,
  others: 34,
} as const;

/** Words of one completion, `struct shim_completion` in native-shims/include/rdmalib_shim.h. */
export const COMPLETION_WORDS = 8;

/** `enum shim_opcode` and `enum shim_status`, as far as completions of invocations need them. */
export const OPCODE_WRITE = 2;
export const OPCODE_RECEIVE_IMMEDIATE = 7;
export const STATUS_SUCCESS = 0;
export const STATUS_FLUSHED = 7;

/** Room in `others`: every slot's reply and failed request. */
const MAX_OTHERS = 128;

/** Bytes of the whole context. */
export const CONTEXT_BYTES = (word.others + MAX_OTHERS * COMPLETION_WORDS) * 4;

/** `enum rfaas_invoke_flags`. */
export const IN_PLACE = 1;
export const SOLICITED = 2;
export const RESULT_GUARDED = 4;

/** `enum rfaas_invoke_result`. */
export const REPLIED = 0;
export const TIMED_OUT = 1;
export const LOST = 2;

/** Byte offsets in the order of declaration and the size of the structure, as `rfaas_layout` reports them. */
export function expectedLayout(): number[] {
  return [...Object.values(word).map((index) => index * 4), CONTEXT_BYTES];
}

/** Stores a 64-bit value that is exact as a number: a pointer, an offset or a length. */
export function setNumber64(words: Uint32Array, index: number, value: number): void {
  words[index] = value >>> 0;
  words[index + 1] = Math.floor(value / 2 ** 32);
}

/** Stores a 64-bit value that needs all its bits: an address or key of registered memory. */
export function setBigint64(words: Uint32Array, index: number, value: bigint): void {
  words[index] = Number(value & 0xffff_ffffn);
  words[index + 1] = Number(value >> 32n);
}
