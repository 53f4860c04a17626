import type { MessagePort } from '../../src/index.ts';

/** One end of a {@link messagePipe}. */
export interface PipeEnd extends MessagePort {
  close(): void;
  readonly sent: Uint8Array[];
}

/** Two connected message ports in one process; closing one end ends the other's receives. */
export function messagePipe(): readonly [PipeEnd, PipeEnd] {
  const left = new End();
  const right = new End();
  left.peer = right;
  right.peer = left;
  return [left, right];
}

class End implements PipeEnd {
  peer: End | undefined;
  readonly sent: Uint8Array[] = [];
  readonly #queue: (Uint8Array | undefined)[] = [];
  #wake: (() => void) | undefined;

  send(message: Uint8Array): Promise<void> {
    this.sent.push(message.slice());
    this.peer?.deliver(message.slice());
    return Promise.resolve();
  }

  async receive(options: { readonly signal?: AbortSignal } = {}): Promise<Uint8Array | undefined> {
    while (this.#queue.length === 0) {
      options.signal?.throwIfAborted();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        options.signal?.addEventListener('abort', () => resolve(), { once: true });
      });
    }
    return this.#queue.shift();
  }

  close(): void {
    this.peer?.deliver(undefined);
  }

  deliver(message: Uint8Array | undefined): void {
    this.#queue.push(message);
    this.#wake?.();
  }
}
