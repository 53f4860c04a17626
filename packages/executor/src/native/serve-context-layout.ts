/** `RFAAS_MAX_SLOTS` of native-shims/include/rfaas_loops.h. */
export const contextSlots = 64;

/** The fields of `struct rfaas_serve_context` in order, each with its 32-bit words. */
const fields = [
  ['table', 2],
  ['endpoint', 2],
  ['queue', 2],
  ['inputAddress', 2],
  ['slotStride', 2],
  ['inputCapacity', 2],
  ['functions', 2],
  ['stop', 2],
  ['slotMask', 1],
  ['functionCount', 1],
  ['outputCapacity', 2],
  ['outputRegion', 2 * contextSlots],
  ['outputAddress', 2 * contextSlots],
  ['outputEnd', 2 * contextSlots],
  ['spinMicroseconds', 1],
  ['flushMicroseconds', 1],
  ['waitMilliseconds', 1],
  ['replyCount', 1],
  ['replies', 4 * contextSlots],
  ['slot', 1],
  ['functionIndex', 1],
  ['invocationId', 1],
  ['inputBytes', 1],
  ['requestOutput', 2],
  ['requestCapacity', 1],
  ['failure', 1],
  ['requestOutputMapping', 2],
  ['hotNanoseconds', 2],
  ['executionNanoseconds', 2],
  ['invocations', 2],
  ['requestMappingAddress', 2],
  ['requestMappingBytes', 2],
  ['idleNanoseconds', 2],
  ['countersDue', 1],
  ['reserved', 1],
] as const;

/** A field of `struct rfaas_serve_context`. */
export type ServeContextField = (typeof fields)[number][0];

/** Where each field of `struct rfaas_serve_context` begins, in 32-bit words; 64-bit fields have the low word first. */
export const serveWord: Readonly<Record<ServeContextField, number>> = wordOffsets();

/** Bytes of `struct rfaas_serve_context`. */
export const serveContextBytes = 4 * fields.reduce((sum, [, words]) => sum + words, 0);

/** Words of one entry of `replies`: slot, invocation id, status, output bytes. */
export const replyWords = 4;

/** `enum rfaas_serve_result`. */
export const serveResult = { idle: 0, request: 1, stopped: 2, disconnected: 3, failed: 4 } as const;

/** What `rfaas_layout` must report: the byte offset of each field, ascending, and the size of the structure. */
export function expectedServeLayout(): number[] {
  return [...Object.values(serveWord).map((word) => 4 * word), serveContextBytes].sort((a, b) => a - b);
}

function wordOffsets(): Record<ServeContextField, number> {
  const offsets: Partial<Record<ServeContextField, number>> = {};
  let next = 0;
  for (const [name, words] of fields) {
    offsets[name] = next;
    next += words;
  }
  return offsets as Record<ServeContextField, number>;
}
