import { abortReason } from '../native/abort-reason.ts';

interface Receiver {
  readonly resolve: (message: Uint8Array | undefined) => void;
}

/** Messages that arrived and were not taken, and who waits for the next ones. */
export class MessageInbox {
  readonly #messages: Uint8Array[] = [];
  readonly #receivers: Receiver[] = [];
  readonly #onTaken: () => void;
  #ended = false;

  /** `onTaken` is called for every message that its receiver got. */
  constructor(onTaken: () => void) {
    this.#onTaken = onTaken;
  }

  add(message: Uint8Array): void {
    const receiver = this.#receivers.shift();
    if (receiver === undefined) {
      this.#messages.push(message);
    } else {
      receiver.resolve(message);
      this.#onTaken();
    }
  }

  /** Nothing more will arrive. */
  end(): void {
    this.#ended = true;
    for (const receiver of this.#receivers.splice(0)) {
      receiver.resolve(undefined);
    }
  }

  /** The next message, or undefined once the inbox ended and is empty. Rejects with the signal's reason. */
  async take(signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
    signal?.throwIfAborted();
    const message = this.#messages.shift();
    if (message !== undefined) {
      this.#onTaken();
      return message;
    }
    if (this.#ended) {
      return undefined;
    }
    return this.#wait(signal);
  }

  async #wait(signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
    let abort: (() => void) | undefined;
    try {
      return await new Promise<Uint8Array | undefined>((resolve, reject) => {
        const receiver = { resolve };
        abort = () => {
          const index = this.#receivers.indexOf(receiver);
          if (index >= 0) {
            this.#receivers.splice(index, 1);
            reject(abortReason(signal));
          }
        };
        this.#receivers.push(receiver);
        signal?.addEventListener('abort', abort, { once: true });
      });
    } finally {
      if (abort !== undefined) {
        signal?.removeEventListener('abort', abort);
      }
    }
  }
}
