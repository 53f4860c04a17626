import { u32, word } from './field-types.ts';
import { defineRecord } from './record-layout.ts';

/** In front of every input: where the output goes. The same as `struct rfaas_header` of the native loops. */
export const invocationHeader = defineRecord({
  resultAddress: word,
  resultKey: word,
  inputBytes: u32,
  resultCapacity: u32,
  /** 16 bits, the same as in the immediate. */
  invocationId: u32,
  /** {@link resultGuarded} or 0. */
  flags: u32,
});

/** A slot begins with 32 unused bytes; the header ends where the input begins. */
export const invocationHeaderOffset = 32;

/** Bytes from a slot's start to its input, which is 64-byte aligned. */
export const invocationInputOffset = 64;

/** Slots begin at multiples of this many bytes, so that each can be mapped apart. */
export const slotAlignment = 4096;

/** The most invocations that may be in flight on one thread. */
export const maxSlots = 64;

/** What a client asks for where nobody says otherwise; executors that are started ahead of their clients have it ready. */
export const defaultInvocationMemory = {
  slots: 8,
  inputBytes: 1024 * 1024,
  outputBytes: 1024 * 1024,
} as const;

/** Functions in a package: their index has 15 bits. */
export const maxFunctions = 0x8000;

/** Header flag: the result ends at a guard page, so that a function may write it through a mapping. */
export const resultGuarded = 1;

/** How an invocation ended: the lower half of the reply's immediate. With any but `ok` the result holds an error text. */
export const invocationStatus = {
  ok: 0,
  functionFailed: 1,
  noSuchFunction: 2,
  outputTooLarge: 3,
  invalidRequest: 4,
  resultUnreachable: 5,
  cancelled: 6,
} as const;

/** Bytes from slot to slot for inputs of up to `inputBytes`. */
export function slotStride(inputBytes: number): number {
  return Math.ceil((invocationInputOffset + inputBytes) / slotAlignment) * slotAlignment;
}

/** The immediate of a request: invocation id (16) | solicited (1) | function index (15). */
export function requestImmediate(invocationId: number, functionIndex: number, solicited: boolean): number {
  return (((invocationId & 0xffff) << 16) | (solicited ? 0x8000 : 0) | (functionIndex & 0x7fff)) >>> 0;
}

/** The parts of a request's immediate. */
export function parseRequestImmediate(immediate: number): {
  readonly invocationId: number;
  readonly functionIndex: number;
  readonly solicited: boolean;
} {
  return {
    invocationId: (immediate >>> 16) & 0xffff,
    functionIndex: immediate & 0x7fff,
    solicited: (immediate & 0x8000) !== 0,
  };
}

/** The immediate of a reply: invocation id (16) | status (16). */
export function replyImmediate(invocationId: number, status: number): number {
  return (((invocationId & 0xffff) << 16) | (status & 0xffff)) >>> 0;
}

/** The parts of a reply's immediate. */
export function parseReplyImmediate(immediate: number): {
  readonly invocationId: number;
  readonly status: number;
} {
  return { invocationId: (immediate >>> 16) & 0xffff, status: immediate & 0xffff };
}

/** What one thread has used, as it lies in the manager's memory at `thread * byteLength`: fetch-added, never stored. */
export const accountingRecord = defineRecord({
  hotPollingNs: word,
  executionNs: word,
  invocations: word,
  /** Times that the thread, having spun without work, went to sleep. */
  hotToWarm: word,
});

/** Where the counters of a thread lie in the accounting region. */
export const accountingOffsets = { hotPollingNs: 0, executionNs: 8, invocations: 16, hotToWarm: 24 } as const;

/** Bytes of the accounting region for `threads` threads. */
export function accountingBytes(threads: number): number {
  return threads * accountingRecord.byteLength;
}
