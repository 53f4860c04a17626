import type { ExecutorPreparation } from '@rfaas/core';
import { decodeMessage, encodeConnectionData, expectMessage, RfaasError } from '@rfaas/core/wire';
import type { OutgoingMessage } from '@rfaas/core/wire';
import { MessageChannel } from '@rfaas/rdmalib';
import type { RemoteMemory } from '@rfaas/rdmalib';
import { receiveMessage, sendMessage, trySendMessage } from './channel-messages.ts';
import type { Route } from './routes.ts';

/** The connection to the executor manager: what it says, and what it is told. */
export class ManagerLink {
  /** Where this executor's threads add up what they use. */
  readonly accounting: RemoteMemory;
  /** How often they do. */
  readonly flushMs: number;
  /** Resolves when the executor shall end, to why; also when the manager is gone. Never rejects. */
  readonly ended: Promise<string>;
  readonly #channel: MessageChannel;
  #release: () => void = () => undefined;

  private constructor(channel: MessageChannel, accounting: RemoteMemory, flushMs: number) {
    this.#channel = channel;
    this.accounting = accounting;
    this.flushMs = flushMs;
    this.ended = Promise.race([
      channel.disconnected.then((): string => 'the executor manager is gone'),
      this.#listen(),
    ]);
  }

  /** Connects as the executor that the manager started. Rejects with RdmaError or RfaasError. */
  static async connect(route: Route, preparation: ExecutorPreparation): Promise<ManagerLink> {
    const channel = await MessageChannel.connect(route.domain, route.address, {
      privateData: encodeConnectionData({
        role: 'executor-to-executor-manager',
        id: preparation.executorId,
        secret: preparation.managerSecret,
      }),
    });
    const welcome = expectMessage(await receiveMessage(channel, 'the executor manager'), 'executor-welcome');
    const accounting = { address: welcome.address, rkey: welcome.rkey, byteLength: welcome.length };
    return new ManagerLink(channel, accounting, welcome.flushMs);
  }

  /** Resolves when the executor shall leave its client and stay; asked once for each client. */
  released(): Promise<void> {
    return new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  /** See {@link sendMessage}. */
  async send(message: OutgoingMessage): Promise<void> {
    await sendMessage(this.#channel, message);
  }

  /** See {@link trySendMessage}. */
  async trySend(message: OutgoingMessage): Promise<void> {
    await trySendMessage(this.#channel, message);
  }

  async close(): Promise<void> {
    await this.#channel.close();
  }

  async #listen(): Promise<string> {
    try {
      for await (const bytes of this.#channel.messages()) {
        const message = decodeMessage(bytes);
        if (message.kind === 'executor-stop') {
          return message.reason;
        }
        expectMessage(message, 'executor-release');
        this.#release();
      }
      return 'the executor manager is gone';
    } catch (error) {
      const reason = error instanceof RfaasError ? error.message : String(error);
      return `the executor manager broke the protocol: ${reason}`;
    }
  }
}
