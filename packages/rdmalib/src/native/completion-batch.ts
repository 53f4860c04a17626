import { InvalidArgumentError } from '../errors.ts';
import type {
  WorkCompletion,
  WorkCompletionBatch,
  WorkCompletionOpcode,
  WorkCompletionStatus,
} from '../transport/work-completion.ts';
import {
  completionFlagImmediate,
  completionWord,
  completionWords,
  opcodeNames,
  statusNames,
} from './shim-layout.ts';

class NativeCompletionBatch implements WorkCompletionBatch {
  readonly capacity: number;
  readonly words: Uint32Array;
  length = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.words = new Uint32Array(capacity * completionWords);
  }

  endpointId(index: number): number {
    return this.#word(index, completionWord.endpointId);
  }

  opcode(index: number): WorkCompletionOpcode {
    return opcodeNames[this.#word(index, completionWord.opcode)] ?? 'send';
  }

  status(index: number): WorkCompletionStatus {
    return statusNames[this.#word(index, completionWord.status)] ?? 'other-error';
  }

  wrId(index: number): number {
    return this.#word(index, completionWord.wrId);
  }

  hasImmediate(index: number): boolean {
    return (this.#word(index, completionWord.flags) & completionFlagImmediate) !== 0;
  }

  immediate(index: number): number {
    return this.#word(index, completionWord.immediate);
  }

  byteLength(index: number): number {
    return this.#word(index, completionWord.byteLength);
  }

  providerError(index: number): number {
    return this.#word(index, completionWord.providerError) | 0;
  }

  at(index: number): WorkCompletion {
    return {
      endpointId: this.endpointId(index),
      opcode: this.opcode(index),
      status: this.status(index),
      wrId: this.wrId(index),
      immediate: this.hasImmediate(index) ? this.immediate(index) : undefined,
      byteLength: this.byteLength(index),
      providerError: this.providerError(index),
    };
  }

  #word(index: number, word: number): number {
    const value = index < this.length ? this.words[index * completionWords + word] : undefined;
    if (value === undefined) {
      throw new InvalidArgumentError(`there is no completion ${index} in a batch of ${this.length}`);
    }
    return value;
  }
}

/** Storage for up to `capacity` completions, to be reused for every poll. */
export function createCompletionBatch(capacity: number): WorkCompletionBatch {
  if (!Number.isInteger(capacity) || capacity < 1 || capacity > 1 << 20) {
    throw new InvalidArgumentError(`a completion batch cannot hold ${capacity}: from 1 to ${1 << 20} can be`);
  }
  return new NativeCompletionBatch(capacity);
}
