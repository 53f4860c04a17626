import { invocationStatus } from '@rfaas/core/wire';
import type { ServeContext } from '../native/serve-context.ts';
import { replyWords, serveWord } from '../native/serve-context-layout.ts';

const encoder = new TextEncoder();

/** Replies of JavaScript functions, which the next call of the native loop posts. */
export class ReplyQueue {
  readonly #words: Uint32Array;

  constructor(context: ServeContext) {
    this.#words = context.words;
  }

  /** Whether replies wait for the next call. */
  get waiting(): boolean {
    return this.#words[serveWord.replyCount] !== 0;
  }

  /** What a function returned: a length within `output`, or the reply is an error that says what came instead. */
  addResult(slot: number, invocationId: number, result: unknown, output: Uint8Array): void {
    if (typeof result === 'number' && result >= 0 && result <= output.length && Number.isInteger(result)) {
      this.#add(slot, invocationId, invocationStatus.ok, result);
    } else if (typeof result === 'number' && Number.isInteger(result) && result > output.length) {
      const text = `the function returned ${result} bytes, but its output buffer holds ${output.length}`;
      this.#addText(slot, invocationId, invocationStatus.outputTooLarge, text, output);
    } else {
      const text = `the function returned ${describe(result)}: it must return how many bytes it wrote to its output, from 0 to ${output.length}`;
      this.#addText(slot, invocationId, invocationStatus.functionFailed, text, output);
    }
  }

  /** What a function threw, or its promise rejected with. */
  addFailure(slot: number, invocationId: number, error: unknown, output: Uint8Array): void {
    this.#addText(slot, invocationId, invocationStatus.functionFailed, messageOf(error), output);
  }

  #addText(slot: number, invocationId: number, status: number, text: string, output: Uint8Array): void {
    this.#add(slot, invocationId, status, encoder.encodeInto(text, output).written);
  }

  #add(slot: number, invocationId: number, status: number, bytes: number): void {
    const words = this.#words;
    const count = words[serveWord.replyCount] as number;
    const at = serveWord.replies + count * replyWords;
    words[at] = slot;
    words[at + 1] = invocationId;
    words[at + 2] = status;
    words[at + 3] = bytes;
    words[serveWord.replyCount] = count + 1;
  }
}

function describe(result: unknown): string {
  if (result === undefined) {
    return 'nothing';
  }
  if (typeof result === 'number') {
    return String(result);
  }
  return result === null ? 'null' : `a value of type ${typeof result}`;
}

function messageOf(error: unknown): string {
  try {
    if (error instanceof Error) {
      return error.message === '' ? error.name : error.message;
    }
    return `the function threw ${String(error)}`;
  } catch {
    // What was thrown is the tenant's object: even looking at it may throw.
    return 'the function threw a value that cannot be shown';
  }
}
