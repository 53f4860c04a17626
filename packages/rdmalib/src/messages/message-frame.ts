import { RdmaError } from '../errors.ts';

/*
 * A frame, little-endian: kind u16 | credits u16 | payload bytes u32 | payload. Every frame returns credits: so many
 * more messages may be sent. A hello grants the first ones; its payload is the longest message that its sender takes.
 * A question asks for a sign of life, which an answer is; there is never more than one question without its answer.
 */

/** Bytes in front of every payload. */
export const frameHeaderBytes = 8;

/** What frames are for; the numbers also tell a stranger's bytes from ours. */
export const frameKind = {
  hello: 0x7201,
  data: 0x7202,
  credit: 0x7203,
  question: 0x7204,
  answer: 0x7205,
} as const;

/** What a frame is for. */
export type FrameKind = keyof typeof frameKind;

/** Bytes of a hello's payload: the longest message, u32. */
export const helloPayloadBytes = 4;

/** A frame as it was received. */
export interface MessageFrame {
  readonly kind: FrameKind;
  readonly credits: number;
  /** Points into the bytes that were read. */
  readonly payload: Uint8Array;
}

/** Writes a frame in front of a slot; returns its length. */
export function writeFrame(slot: Uint8Array, kind: FrameKind, credits: number, payload: Uint8Array): number {
  const view = new DataView(slot.buffer, slot.byteOffset, frameHeaderBytes);
  view.setUint16(0, frameKind[kind], true);
  view.setUint16(2, credits, true);
  view.setUint32(4, payload.byteLength, true);
  slot.set(payload, frameHeaderBytes);
  return frameHeaderBytes + payload.byteLength;
}

/** Reads a frame; throws RdmaError that says what is wrong with the bytes. */
export function readFrame(bytes: Uint8Array): MessageFrame {
  if (bytes.byteLength < frameHeaderBytes) {
    throw malformed(`${bytes.byteLength} bytes are too few for a frame`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, frameHeaderBytes);
  const number = view.getUint16(0, true);
  const length = view.getUint32(4, true);
  const kind = (Object.keys(frameKind) as FrameKind[]).find((name) => frameKind[name] === number);
  if (kind === undefined) {
    throw malformed(`0x${number.toString(16)} is no kind of frame`);
  }
  if (length !== bytes.byteLength - frameHeaderBytes) {
    throw malformed(`its header announces ${length} bytes and ${bytes.byteLength - frameHeaderBytes} follow`);
  }
  const expected = kind === 'data' ? length : kind === 'hello' ? helloPayloadBytes : 0;
  if (length !== expected) {
    throw malformed(`a ${kind} frame has ${expected} bytes of payload, this one ${length}`);
  }
  return { kind, credits: view.getUint16(2, true), payload: bytes.subarray(frameHeaderBytes) };
}

/** A hello's payload. */
export function encodeHello(maxMessageBytes: number): Uint8Array {
  const payload = new Uint8Array(helloPayloadBytes);
  new DataView(payload.buffer).setUint32(0, maxMessageBytes, true);
  return payload;
}

/** The longest message that a hello's sender takes. */
export function decodeHello(payload: Uint8Array): number {
  return new DataView(payload.buffer, payload.byteOffset, helloPayloadBytes).getUint32(0, true);
}

/** The error for a peer that does not keep to the channel's protocol. */
export function malformed(reason: string): RdmaError {
  return new RdmaError(
    'RDMA_ERR_CONNECTION_LOST',
    `the peer of a message channel sent a malformed frame: ${reason}; both ends must be message channels of the same version`,
    { operation: 'receive', errno: 'EPROTO' },
  );
}
