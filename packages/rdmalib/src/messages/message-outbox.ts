import { InvalidArgumentError, RdmaError, WorkFailedError } from '../errors.ts';
import type { WorkCompletion } from '../transport/work-completion.ts';
import { windowMessages, type ChannelLink } from './channel-link.ts';
import { malformed } from './message-frame.ts';

/** So many credits are returned by a frame of their own, where no message takes them along. */
const creditsPerFrame = windowMessages / 2;

/** What a frame's credits field can say. */
const mostCredits = 0xffff;

const noPayload = new Uint8Array(0);

interface PendingMessage {
  readonly message: Uint8Array;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Messages on their way: waiting for room at the peer, or sent and not yet with it. */
export class MessageOutbox {
  readonly #link: ChannelLink;
  readonly #onReturned: (credits: number) => void;
  readonly #waiting: PendingMessage[] = [];
  readonly #underWay = new Map<number, PendingMessage>();
  /** Messages that may be sent. */
  #credits = 0;
  /** Messages that were taken here and that the peer does not know of. */
  #owed = 0;
  #longest = Infinity;

  /** `onReturned` is called for credits that go to the peer. */
  constructor(link: ChannelLink, onReturned: (credits: number) => void) {
    this.#link = link;
    this.#onReturned = onReturned;
  }

  async send(message: Uint8Array): Promise<void> {
    this.#requireFits(message);
    await new Promise<void>((resolve, reject) => {
      this.#waiting.push({ message: message.slice(), resolve, reject });
      this.flush();
    });
  }

  /** The peer said how long a message it takes. */
  greeted(longest: number): void {
    this.#longest = longest;
  }

  /** The peer has room for so many more. */
  credit(credits: number): void {
    this.#credits += credits;
    if (this.#credits > mostCredits) {
      throw malformed('it grants room for more messages than there can be');
    }
  }

  /** A message was taken here: the peer may send another. */
  owe(): void {
    this.#owed += 1;
  }

  /** Sends what can be sent. */
  flush(): void {
    while (this.#credits > 0 && this.#waiting.length > 0) {
      const next = this.#waiting[0] as PendingMessage;
      try {
        this.#requireFits(next.message);
        const wrId = this.#link.send('data', this.#owed, next.message);
        if (wrId === undefined) {
          break;
        }
        this.#underWay.set(wrId, next);
        this.#credits -= 1;
        this.#returned();
      } catch (error) {
        next.reject(error);
      }
      this.#waiting.shift();
    }
    if (this.#owed >= creditsPerFrame) {
      this.#returnCredits();
    }
  }

  #returnCredits(): void {
    try {
      if (this.#link.send('credit', this.#owed, noPayload) !== undefined) {
        this.#returned();
      }
    } catch (error) {
      // Without a peer nobody needs credits; the endpoint reports its end, and what arrived can still be received.
      if (this.#link.endpoint.state === 'established') {
        throw error;
      }
    }
  }

  /** A send of the link's completed. */
  completed(completion: WorkCompletion): void {
    const sent = this.#underWay.get(completion.wrId);
    this.#underWay.delete(completion.wrId);
    if (completion.status === 'success') {
      sent?.resolve();
    } else if (completion.status === 'flushed') {
      sent?.reject(
        new RdmaError(
          'RDMA_ERR_CONNECTION_LOST',
          'cannot send a message: the connection ended before it was with the peer',
          {
            operation: 'send',
          },
        ),
      );
    } else {
      sent?.reject(new WorkFailedError(completion));
      throw new WorkFailedError(completion);
    }
  }

  end(error: RdmaError): void {
    for (const pending of [...this.#underWay.values(), ...this.#waiting.splice(0)]) {
      pending.reject(error);
    }
    this.#underWay.clear();
  }

  #returned(): void {
    this.#onReturned(this.#owed);
    this.#owed = 0;
  }

  #requireFits(message: Uint8Array): void {
    if (message.byteLength > this.#longest) {
      throw new InvalidArgumentError(
        `cannot send a message of ${message.byteLength} bytes: the peer takes at most ${this.#longest}`,
        { operation: 'send' },
      );
    }
  }
}
