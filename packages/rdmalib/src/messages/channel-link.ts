import { createCompletionBatch } from '../native/completion-batch.ts';
import type { CompletionQueue } from '../transport/completion-queue.ts';
import type { Endpoint, EndpointOptions } from '../transport/endpoint.ts';
import type { MemoryRegion } from '../transport/memory-region.ts';
import type { ProtectionDomain } from '../transport/protection-domain.ts';
import type { WorkCompletion } from '../transport/work-completion.ts';
import { frameHeaderBytes, helloPayloadBytes, writeFrame, type FrameKind } from './message-frame.ts';
import { MessageSlots, slotsBytes } from './message-slots.ts';

/** Messages that one side may send before the other has taken one. */
export const windowMessages = 16;

/**
 * Frames without a message that can be under way at once: a hello, two that return credits (each returns half a
 * window, and a peer that reads nothing gets no new credits to spend), a question and an answer; one to spare.
 */
const controlFrames = 6;

/** Requests of the channel's user that can be under way at once, see MessageChannel.perform. */
const userRequests = 32;

const controlSlotBytes = frameHeaderBytes + helloPayloadBytes;
const firstControlWrId = 0x1000;

/** From here on work request numbers are those of the user's requests. */
export const firstUserWrId = 0x8000_0000;

/** The endpoint of a message channel with its buffers and queue. Knows how frames travel, not what they mean. */
export class ChannelLink {
  readonly endpoint: Endpoint;
  /** Longest message that this side takes. */
  readonly maxMessageBytes: number;
  readonly #queue: CompletionQueue;
  readonly #memory: MemoryRegion;
  readonly #incoming: MessageSlots;
  readonly #outgoing: MessageSlots;
  readonly #control: MessageSlots;
  readonly #batch = createCompletionBatch(windowMessages + controlFrames + userRequests);
  /** The peer asked for a sign of life, and no slot was free for it. */
  #owesAnswer = false;

  /** Opens everything and posts the receives; what was opened is closed again when something fails. */
  constructor(
    domain: ProtectionDomain,
    maxMessageBytes: number,
    createEndpoint: (options: EndpointOptions) => Endpoint,
  ) {
    this.maxMessageBytes = maxMessageBytes;
    const opened: { close(): void }[] = [];
    const keep = <Kind extends { close(): void }>(what: Kind): Kind => {
      opened.unshift(what);
      return what;
    };
    const slotBytes = frameHeaderBytes + Math.max(maxMessageBytes, helloPayloadBytes);
    const receives = windowMessages + controlFrames;
    const sends = windowMessages + controlFrames + userRequests;
    try {
      // One region for all of them: opening one takes longer than anything else here.
      const outgoing = slotsBytes(receives, slotBytes);
      const control = outgoing + slotsBytes(windowMessages, slotBytes);
      const byteLength = control + slotsBytes(controlFrames, controlSlotBytes);
      const memory = keep(domain.allocateMemory({ byteLength, access: ['local-write'] }));
      this.#memory = memory;
      this.#incoming = new MessageSlots(memory, 0, receives, slotBytes);
      this.#outgoing = new MessageSlots(memory, outgoing, windowMessages, slotBytes);
      this.#control = new MessageSlots(memory, control, controlFrames, controlSlotBytes);
      this.#queue = keep(domain.createCompletionQueue({ depth: receives + sends }));
      this.endpoint = createEndpoint({
        sendCompletions: this.#queue,
        receiveCompletions: this.#queue,
        sendQueueDepth: sends,
        receiveQueueDepth: receives,
      });
      opened.unshift({ close: () => void this.endpoint.close() });
      for (let slot = 0; slot < receives; slot += 1) {
        this.#postReceive(slot);
      }
    } catch (error) {
      for (const what of opened) {
        what.close();
      }
      throw error;
    }
  }

  /** Sends a frame; its completion's wrId, or undefined while no slot is free. */
  send(kind: FrameKind, credits: number, payload: Uint8Array): number | undefined {
    const [slots, firstWrId] = kind === 'data' ? [this.#outgoing, 0] : [this.#control, firstControlWrId];
    const slot = slots.take();
    if (slot === undefined) {
      return undefined;
    }
    try {
      const length = writeFrame(slots.bytes(slot), kind, credits, payload);
      this.endpoint.postSend(slots.segment(slot, length), { wrId: firstWrId + slot });
    } catch (error) {
      slots.give(slot);
      throw error;
    }
    return firstWrId + slot;
  }

  /** Asks for a sign of life, or gives one; once a slot is free, where none is. */
  signOfLife(kind: 'question' | 'answer'): void {
    if (this.endpoint.state !== 'established') {
      // Its end is reported by the endpoint.
      return;
    }
    const isSent = this.send(kind, 0, new Uint8Array(0)) !== undefined;
    // A question for which no slot is free is not needed: nothing gets through to the peer as it is.
    if (kind === 'answer') {
      this.#owesAnswer = !isSent;
    }
  }

  /** Takes the completions that are there; calls back for each, with the frame's bytes for a receive that succeeded. */
  take(handle: (completion: WorkCompletion, frame: Uint8Array | undefined) => void): void {
    while (this.#queue.poll(this.#batch) > 0) {
      for (let index = 0; index < this.#batch.length; index += 1) {
        this.#handle(this.#batch.at(index), handle);
      }
    }
  }

  /** Resolves when `take` may find something. */
  async readable(): Promise<void> {
    await this.#queue.readable();
  }

  async close(): Promise<void> {
    await this.endpoint.close();
    this.#queue.close();
    this.#memory.close();
  }

  #handle(
    completion: WorkCompletion,
    handle: (completion: WorkCompletion, frame: Uint8Array | undefined) => void,
  ): void {
    const { opcode, status, wrId, byteLength } = completion;
    if (opcode === 'receive') {
      const succeeded = status === 'success';
      handle(completion, succeeded ? this.#incoming.bytes(wrId).subarray(0, byteLength) : undefined);
      if (succeeded && this.endpoint.state === 'established') {
        this.#postReceive(wrId);
      }
      return;
    }
    if (opcode === 'send' && wrId < firstUserWrId) {
      const control = wrId >= firstControlWrId;
      (control ? this.#control : this.#outgoing).give(control ? wrId - firstControlWrId : wrId);
      if (this.#owesAnswer) {
        this.signOfLife('answer');
      }
    }
    handle(completion, undefined);
  }

  #postReceive(slot: number): void {
    this.endpoint.postReceive(this.#incoming.segment(slot, this.#incoming.slotBytes), slot);
  }
}
