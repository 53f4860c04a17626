import type { ServeContext } from '../../src/native/serve-context.ts';
import {
  replyWords,
  serveContextBytes,
  serveResult,
  serveWord,
} from '../../src/native/serve-context-layout.ts';
import type { ServeContextField } from '../../src/native/serve-context-layout.ts';

/** A request as the native loop hands it over. */
export interface PlayedRequest {
  readonly slot: number;
  readonly output: number;
  readonly capacity: number;
  readonly functionIndex?: number;
  readonly invocationId?: number;
  readonly inputBytes?: number;
  readonly mapping?: { readonly number: number; readonly address: number; readonly bytes: number };
}

/** A reply that JavaScript gave to the native loop. */
export interface PlayedReply {
  readonly slot: number;
  readonly invocationId: number;
  readonly status: number;
  readonly bytes: number;
}

/** What the native loop was told to do when it was called. */
export interface PlayedCall {
  readonly spin: number;
  readonly wait: number;
}

/** A serve context whose native side is played by a test: each call takes the next step of a script. */
export class PlayedContext {
  readonly index = 0;
  readonly words = new Uint32Array(serveContextBytes / 4);
  readonly memory = new Map<number, Uint8Array>();
  readonly viewed: number[] = [];
  readonly replies: PlayedReply[] = [];
  readonly calls: PlayedCall[] = [];
  /** What the next calls do; without any more the loop is told to stop. */
  readonly script: (() => number)[] = [];

  readonly serve = (): number => {
    this.calls.push({
      spin: this.words[serveWord.spinMicroseconds] ?? 0,
      wait: this.words[serveWord.waitMilliseconds] ?? 0,
    });
    this.#takeReplies();
    return this.script.shift()?.() ?? serveResult.stopped;
  };

  /** For constructors that want the real one, of which they use what is played here. */
  asContext(): ServeContext {
    return this as unknown as ServeContext;
  }

  set64(field: ServeContextField, value: number, element = 0): void {
    const at = serveWord[field] + 2 * element;
    this.words[at] = value;
    this.words[at + 1] = value / 2 ** 32;
  }

  get64(field: ServeContextField): number {
    const at = serveWord[field];
    return (this.words[at] ?? 0) + (this.words[at + 1] ?? 0) * 2 ** 32;
  }

  view(address: number, byteLength: number): Uint8Array {
    this.viewed.push(address);
    const memory = this.memory.get(address);
    if (memory?.byteLength !== byteLength) {
      throw new Error(`nothing of ${byteLength} bytes at ${address}`);
    }
    return memory;
  }

  /** Fills in a request, as the native loop does before it returns. */
  request(request: PlayedRequest): number {
    this.words[serveWord.slot] = request.slot;
    this.words[serveWord.functionIndex] = request.functionIndex ?? 0;
    this.words[serveWord.invocationId] = request.invocationId ?? request.slot;
    this.words[serveWord.inputBytes] = request.inputBytes ?? 0;
    this.words[serveWord.requestCapacity] = request.capacity;
    this.set64('requestOutput', request.output);
    this.set64('requestOutputMapping', request.mapping?.number ?? 0);
    this.set64('requestMappingAddress', request.mapping?.address ?? 0);
    this.set64('requestMappingBytes', request.mapping?.bytes ?? 0);
    this.set64('invocations', this.get64('invocations') + 1);
    return serveResult.request;
  }

  /** Nothing came; the last work ended so long ago. */
  idle(idleMs: number): number {
    this.set64('idleNanoseconds', Math.round(idleMs * 1e6));
    return serveResult.idle;
  }

  #takeReplies(): void {
    const count = this.words[serveWord.replyCount] ?? 0;
    for (let index = 0; index < count; index += 1) {
      const at = serveWord.replies + index * replyWords;
      const [slot = 0, invocationId = 0, status = 0, bytes = 0] = this.words.subarray(at, at + replyWords);
      this.replies.push({ slot, invocationId, status, bytes });
    }
    this.words[serveWord.replyCount] = 0;
  }
}
