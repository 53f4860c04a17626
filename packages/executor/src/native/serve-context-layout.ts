/** `RFAAS_MAX_SLOTS` of native-shims/include/rfaas_loops.h. */
export const contextSlots = 64;

/**
 * Where each field of `struct rfaas_serve_context` begins, in 32-bit words; 64-bit fields have the low word first. Arrays have
 * `contextSlots` elements. Written out, and not computed: V8 looks names up in an object that grew field by field each time, which
 * cost an invocation 40 ns.
 */
export const serveWord = {
  table: 0,
  endpoint: 2,
  queue: 4,
  inputAddress: 6,
  slotStride: 8,
  inputCapacity: 10,
  functions: 12,
  stop: 14,
  slotMask: 16,
  functionCount: 17,
  outputCapacity: 18,
  outputRegion: 20,
  outputAddress: 148,
  outputEnd: 276,
  spinMicroseconds: 404,
  flushMicroseconds: 405,
  waitMilliseconds: 406,
  replyCount: 407,
  replies: 408,
  slot: 664,
  functionIndex: 665,
  invocationId: 666,
  inputBytes: 667,
  requestOutput: 668,
  requestCapacity: 670,
  failure: 671,
  requestOutputMapping: 672,
  hotNanoseconds: 674,
  executionNanoseconds: 676,
  invocations: 678,
  requestMappingAddress: 680,
  requestMappingBytes: 682,
  idleNanoseconds: 684,
  countersDue: 686,
  reserved: 687,
} as const;

/** A field of `struct rfaas_serve_context`. */
export type ServeContextField = keyof typeof serveWord;

/** Bytes of `struct rfaas_serve_context`. */
export const serveContextBytes = 4 * 688;

/** Words of one entry of `replies`: slot, invocation id, status, output bytes. */
export const replyWords = 4;

/** `enum rfaas_serve_result`. */
export const serveResult = { idle: 0, request: 1, stopped: 2, disconnected: 3, failed: 4 } as const;

/** What `rfaas_layout` must report: the byte offset of each field, ascending, and the size of the structure. */
export function expectedServeLayout(): number[] {
  return [...Object.values(serveWord).map((word) => 4 * word), serveContextBytes].sort((a, b) => a - b);
}
