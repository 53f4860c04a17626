import { InvalidArgumentError } from '../errors.ts';
import type { LocalSegment, RemoteTarget } from '../transport/memory-region.ts';
import type { Segments, WriteRequest } from '../transport/endpoint.ts';
import type { NativeMemoryRegion } from './native-memory-region.ts';
import type { NativeProtectionDomain } from './native-protection-domain.ts';
import { segmentWords, workBytes, workFlag, workWord } from './shim-layout.ts';

const wordRange = 0x1_0000_0000;
const noRequest: WriteRequest = {};

/** One `struct shim_work`, filled in place for every request so that posting allocates nothing. */
export class WorkBuffer {
  readonly words = new Uint32Array(workBytes / 4);
  readonly #domain: NativeProtectionDomain;
  readonly #maxSegments: number;

  constructor(domain: NativeProtectionDomain, maxSegments: number) {
    this.#domain = domain;
    this.#maxSegments = maxSegments;
  }

  /** Starts a request; its segments are to follow. */
  begin(opcode: number, request: WriteRequest = noRequest): void {
    const words = this.words;
    let flags = request.signaled === false ? 0 : workFlag.signaled;
    if (request.inline === true) {
      flags |= workFlag.inline;
    }
    if (request.solicited === true) {
      flags |= workFlag.solicited;
    }
    if (request.immediate !== undefined) {
      flags |= workFlag.immediate;
      words[workWord.immediate] = asWord(request.immediate, 'immediate');
    }
    if (request.placed !== undefined) {
      flags |= workFlag.placed;
      this.#set64(workWord.operand, request.placed, 'placed');
    }
    words[workWord.opcode] = opcode;
    words[workWord.flags] = flags;
    words[workWord.wrId] = request.wrId === undefined ? 0 : asWord(request.wrId, 'wrId');
    words[workWord.target] = 0;
    words[workWord.segmentCount] = 0;
  }

  setTarget(target: RemoteTarget, targetOffset: number): void {
    this.words[workWord.target] = target.index;
    this.#set64(workWord.targetOffset, targetOffset, 'targetOffset');
  }

  setOperands(operand: bigint, swap: bigint): void {
    this.#setBigint(workWord.operand, operand);
    this.#setBigint(workWord.swap, swap);
  }

  setSegments(segments: Segments): void {
    if (!Array.isArray(segments)) {
      this.#setSegment(0, segments as LocalSegment);
      this.words[workWord.segmentCount] = 1;
      return;
    }
    const list = segments as readonly LocalSegment[];
    if (list.length > this.#maxSegments) {
      throw new InvalidArgumentError(
        `cannot post ${list.length} segments at once: this transport takes ${this.#maxSegments} ` +
          '(capabilities.maxScatterGatherEntries)',
        { operation: 'shim_post' },
      );
    }
    for (let index = 0; index < list.length; index += 1) {
      this.#setSegment(index, list[index] as LocalSegment);
    }
    this.words[workWord.segmentCount] = list.length;
  }

  #setSegment(index: number, segment: LocalSegment): void {
    const handle = regionHandle(segment, this.#domain);
    const word = workWord.segments + index * segmentWords;
    this.words[word] = handle;
    this.words[word + 1] = handle / wordRange;
    this.#set64(word + 2, segment.offset, 'offset');
    this.#set64(word + 4, segment.byteLength, 'byteLength');
  }

  #set64(word: number, value: number, name: string): void {
    requireByteCount(value, name);
    this.words[word] = value;
    this.words[word + 1] = value / wordRange;
  }

  #setBigint(word: number, value: bigint): void {
    const wrapped = BigInt.asUintN(64, value);
    this.words[word] = Number(wrapped & 0xffff_ffffn);
    this.words[word + 1] = Number(wrapped >> 32n);
  }
}

/** The native pointer of a segment's region, which must be open and of this domain. */
export function regionHandle(segment: LocalSegment, domain: NativeProtectionDomain): number {
  const region = segment.region as NativeMemoryRegion;
  if (region.domain !== domain) {
    throw new InvalidArgumentError(
      'cannot post a segment: its memory region belongs to another protection domain than the endpoint',
      { operation: 'shim_post' },
    );
  }
  return region.nativeHandle;
}

/** Throws InvalidArgumentError unless a value is a whole number of bytes. */
export function requireByteCount(value: number, name: string): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new InvalidArgumentError(`cannot post a request: ${name} ${value} is no whole number of bytes`, {
      operation: 'shim_post',
    });
  }
}

/** A 32-bit word, also from the signed result of a JavaScript bit operation. */
export function asWord(value: number, name: string): number {
  const word = value >>> 0;
  if (word !== value && (value | 0) !== value) {
    throw new InvalidArgumentError(`cannot post a request: ${name} ${value} does not fit 32 bits`, {
      operation: 'shim_post',
    });
  }
  return word;
}
